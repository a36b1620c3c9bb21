import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { repoRoot } from '../src/process.ts';
import { createTestDatabase } from '../src/test-database.ts';

const env = {
  ...process.env,
  PUBLIC_URL: 'http://127.0.0.1:3000',
  STATUS_TOKEN_SECRET: 'x'.repeat(40),
  MIDTRANS_SERVER_KEY: 'SB-Mid-server-test',
  XENDIT_SECRET_KEY: 'xnd_development_test',
  XENDIT_CALLBACK_TOKEN: 'token',
  API_PORT: '0',
  WORKER_HEALTH_PORT: '0',
};

function start(app: 'api' | 'worker', overrides: Record<string, string>) {
  const child = spawn(process.execPath, [path.join(repoRoot, `apps/${app}/src/main.ts`)], {
    env: { ...env, ...overrides },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const seen = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = (chunk: Buffer) => {
        output += chunk.toString();
        if (output.includes(text)) resolve();
      };
      child.stdout.on('data', look);
      child.stderr.on('data', look);
      child.once('exit', () => reject(new Error(`${app} ended without saying "${text}":\n${output}`)));
    });
  return { child, seen, output: () => output };
}

describe('the processes', () => {
  it.each([
    [
      'api',
      { REDIS_URL: 'nonsense', DATABASE_URL: 'postgres://127.0.0.1/x', API_PORT: 'many' },
      ['REDIS_URL', 'API_PORT'],
    ],
    [
      'worker',
      { REDIS_URL: 'redis://127.0.0.1', DATABASE_URL: '', RESERVE_BATCH_SIZE: '0' },
      ['DATABASE_URL', 'RESERVE_BATCH_SIZE'],
    ],
  ] as const)(
    '%s refuses to start with a bad configuration and names every bad value',
    async (app, overrides, names) => {
      const { child, output, seen } = start(app, overrides);
      await seen('cannot start').catch(() => undefined);
      const code = child.exitCode ?? ((await once(child, 'exit')) as [number])[0];
      expect(code).toBe(1);
      for (const name of names) expect(output()).toContain(name);
    },
  );

  it.each([
    ['api', 'Server listening'],
    ['worker', 'worker started'],
  ] as const)('%s ends by itself, with code 0, after SIGTERM', async (app, ready) => {
    const database = await createTestDatabase(inject('databaseAdminUrl'), inject('templateDatabase'));
    const { child, seen } = start(app, { DATABASE_URL: database.url, REDIS_URL: inject('redisUrl') });
    await seen(ready);
    child.kill('SIGTERM');
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    await database.drop();
  });
});
