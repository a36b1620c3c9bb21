// Tests that need more than PostgreSQL and Redis (a browser, a connection pooler). They live in
// `*.system.test.ts` files and run as vitest's project "system".
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import path from 'node:path';
import { repoRoot } from './process.ts';

const files = globSync('{apps,packages,infra}/*/{src,tests}/**/*.system.test.ts', { cwd: repoRoot });
if (files.length > 0) {
  const result = spawnSync(
    path.join(repoRoot, 'node_modules/.bin/vitest'),
    ['run', '--project', 'system', ...process.argv.slice(2)],
    { cwd: repoRoot, stdio: 'inherit' },
  );
  process.exit(result.status ?? 1);
}
// The one thing verified here: that the search above sees the test files that exist.
const ordinary = globSync('{apps,packages,infra}/*/{src,tests}/**/*.test.ts', { cwd: repoRoot });
if (ordinary.length === 0) {
  console.error('No test file was found at all: the search for system tests looks in the wrong place.');
  console.log('0 passed, 1 failed');
  process.exit(1);
}
console.log(
  `No test needs more than PostgreSQL and Redis: none of the ${ordinary.length} test files is a *.system.test.ts.`,
);
console.log('1 passed, 0 failed');
