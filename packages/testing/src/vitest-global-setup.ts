import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { migrateToLatest } from '@antrean/db';
import type { TestProject } from 'vitest/node';
import { guardDirectory, release } from './services/process.ts';
import { startServices } from './services/services.ts';
import { createTestDatabase } from './test-database.ts';

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dir = mkdtempSync(path.join(tmpdir(), 'antrean-test-'));
  chmodSync(dir, 0o711); // PostgreSQL may run as another user; it can enter, but not list, this folder
  guardDirectory(dir);
  const cleanup = async (): Promise<void> => {
    rmSync(dir, { recursive: true, force: true });
    await release(dir);
  };
  try {
    const services = await startServices({ dir, durable: false });
    try {
      const template = await createTestDatabase(services.databaseUrl);
      await migrateToLatest(template.url);
      project.provide('databaseAdminUrl', services.databaseUrl);
      project.provide('templateDatabase', new URL(template.url).pathname.slice(1));
      project.provide('redisUrl', services.redisUrl);
      return async () => {
        try {
          await template.drop();
        } finally {
          await services.stop();
          await cleanup();
        }
      };
    } catch (error) {
      await services.stop();
      throw error;
    }
  } catch (error) {
    await cleanup();
    throw error;
  }
}
