import { readFileSync } from 'node:fs';
import { ONLINE_METHODS, REJECTION_REASONS } from '@antrean/domain';
import { expect, it } from 'vitest';
import { PROBLEMS } from '../src/problem-codes.ts';

const page = readFileSync(new URL('../../../docs/api.md', import.meta.url), 'utf8');

it('docs/api.md names every problem code with its status, and no other', () => {
  const rows = [...page.matchAll(/^\| `([a-z_]+)` +\| (\d{3}) /gm)].map(([, code, status]) => [
    code,
    Number(status),
  ]);
  expect(Object.fromEntries(rows)).toEqual(
    Object.fromEntries(Object.entries(PROBLEMS).map(([code, { status }]) => [code, status])),
  );
});

it('docs/api.md has a sentence for every reason of a rejection, and no other', () => {
  const chapter = /^## Rejected orders$(.*?)^## /ms.exec(page)?.[1] ?? '';
  const rows = [...chapter.matchAll(/^\| `([a-z_]+)` +\| (.+?) +\|$/gm)];
  expect(rows.shift()?.[1]).toBe('reason');
  expect(rows.map(([, reason]) => reason)).toEqual([...REJECTION_REASONS]);
  for (const [, reason, sentence] of rows) expect(sentence, reason).toMatch(/^[A-Z].{20,}\.$/);
});

it('docs/api.md names every way to pay online', () => {
  for (const method of ONLINE_METHODS) expect(page).toContain(`\`${method}\``);
});
