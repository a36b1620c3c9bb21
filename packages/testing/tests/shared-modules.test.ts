import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { repoRoot } from '@antrean/testing/services';
import { expect, it } from 'vitest';

// Test files in `tests/` folders share loaded modules (vitest.config.ts). A hook that a helper registers on load would run
// only for the first file, and a replaced module would stay replaced for later files.
const files = globSync('{{apps,packages,tools}/*/tests,tests}/**/*.ts', {
  cwd: repoRoot,
  exclude: (name) => path.basename(name) === 'node_modules',
});
const linesOf = (some: readonly string[], wrong: RegExp) =>
  some.flatMap((file) =>
    readFileSync(path.join(repoRoot, file), 'utf8')
      .split('\n')
      .flatMap((line, index) => (wrong.test(line) ? [`${file}:${index + 1}: ${line}`] : [])),
  );

it('helpers of tests register hooks only in functions that a test file calls', () => {
  expect(files.length).toBeGreaterThan(60);
  const helpers = files.filter((file) => !file.endsWith('.test.ts'));
  expect(helpers.length).toBeGreaterThan(10);
  expect(linesOf(helpers, /^(before|after)(All|Each)\(/)).toEqual([]);
});

it('tests in tests/ folders replace no module (a test that must is a unit test beside its source)', () => {
  expect(linesOf(files, /^\s*vi\.(mock|doMock|hoisted)\(/)).toEqual([]);
});
