import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { MIGRATIONS } from '../src/migrate.ts';

const folder = new URL('../src/migrations/', import.meta.url);
const files = readdirSync(folder).toSorted();

it('MIGRATIONS lists every file of the migrations folder in the order of their names', () => {
  expect(Object.keys(MIGRATIONS).map((name) => `${name}.ts`)).toEqual(files);
});

it('MIGRATIONS lists each file under its own name', async () => {
  for (const [name, { up }] of Object.entries(MIGRATIONS)) {
    const file: unknown = await import(new URL(`${name}.ts`, folder).href);
    expect(file, name).toHaveProperty('up', up);
  }
});

it('migration numbers have no gaps and no duplicates', () => {
  const numbers = files.map((file) => file.slice(0, 4));
  expect(numbers).toEqual(files.map((_, index) => String(index + 1).padStart(4, '0')));
});
