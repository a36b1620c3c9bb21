import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { repoRoot } from '@antrean/testing/services';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { addMigration } from '../src/add-migration.ts';

let source: string;
beforeEach(() => {
  source = mkdtempSync(path.join(tmpdir(), 'antrean-migrations-'));
  const original = path.join(repoRoot, 'packages/db/src');
  cpSync(path.join(original, 'migrate.ts'), path.join(source, 'migrate.ts'));
  cpSync(path.join(original, 'migrations'), path.join(source, 'migrations'), { recursive: true });
});
afterEach(() => rmSync(source, { recursive: true }));

const list = () => readFileSync(path.join(source, 'migrate.ts'), 'utf8').split('\n');

it('adds the next migration and lists it last', () => {
  const before = list();
  const number = String(readdirSync(path.join(source, 'migrations')).length + 1).padStart(4, '0');
  const file = addMigration(source, 'add-buyer-notes');
  expect(path.basename(file)).toBe(`${number}-add-buyer-notes.ts`);
  expect(readFileSync(file, 'utf8')).toContain('export async function up');
  expect(list().filter((line) => !before.includes(line))).toEqual([
    `import * as addBuyerNotes from './migrations/${number}-add-buyer-notes.ts';`,
    `  '${number}-add-buyer-notes': addBuyerNotes,`,
  ]);
  const lines = list();
  expect(lines[lines.indexOf(`  '${number}-add-buyer-notes': addBuyerNotes,`) + 1]).toBe('};');
});

it('writes nothing for an invalid or used name', () => {
  const before = [readdirSync(path.join(source, 'migrations')), list()];
  expect(() => addMigration(source, 'Add Notes')).toThrow('is no valid migration name');
  expect(() => addMigration(source, '')).toThrow('is no valid migration name');
  expect(() => addMigration(source, 'orders')).toThrow('Choose another name');
  expect([readdirSync(path.join(source, 'migrations')), list()]).toEqual(before);
});
