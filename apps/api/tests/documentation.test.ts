import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { PROBLEMS } from '../src/problem-codes.ts';

it('docs/api.md names every problem code with its status, and no other', () => {
  const page = readFileSync(new URL('../../../docs/api.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `([a-z_]+)` +\| (\d{3}) /gm)].map(([, code, status]) => [
    code,
    Number(status),
  ]);
  expect(Object.fromEntries(rows)).toEqual(
    Object.fromEntries(Object.entries(PROBLEMS).map(([code, { status }]) => [code, status])),
  );
});
