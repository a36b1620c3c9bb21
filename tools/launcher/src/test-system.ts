// Tests that take long, or need more of the system than PostgreSQL and Redis (a browser, a connection pooler). They live in
// `*.system.test.ts` files, which `npm test` leaves out.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { repoRoot } from '@antrean/testing/services';

const vitest = path.join(repoRoot, 'node_modules/.bin/vitest');
const { status } = spawnSync(vitest, ['run', '--project', 'system', ...process.argv.slice(2)], {
  cwd: repoRoot,
  stdio: 'inherit',
});
process.exit(status ?? 1);
