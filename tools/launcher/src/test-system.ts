// Tests that need more of the system than PostgreSQL and Redis (a browser, a connection pooler). They live in
// `*.system.test.ts` files, which `npm test` leaves out.
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import path from 'node:path';
import { repoRoot } from '@antrean/testing/services';

const files = globSync('{{apps,packages,tools}/*/{src,tests},tests}/**/*.system.test.ts', {
  cwd: repoRoot,
  exclude: (name) => name === 'node_modules',
});
if (files.length === 0) {
  console.log('There are no system tests yet: nothing here needs more of the system than Redis.');
  process.exit(0);
}
const vitest = path.join(repoRoot, 'node_modules/.bin/vitest');
const { status } = spawnSync(vitest, ['run', '--project', 'system', ...process.argv.slice(2)], {
  cwd: repoRoot,
  stdio: 'inherit',
});
process.exit(status ?? 1);
