// An operator's command against the system that `npm start` runs; its commands are apps/worker/src/ops.ts.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { runningInstance } from './instance.ts';
import { repoRoot } from '@antrean/testing/services';

const { databaseUrl, redisUrl } = runningInstance()?.addresses ?? {};
if (databaseUrl === undefined || redisUrl === undefined) {
  console.error('Antrean does not run here. Start it with npm start, then run this again.');
  process.exit(1);
}
const { status } = spawnSync(
  process.execPath,
  [path.join(repoRoot, 'apps/worker/src/ops.ts'), ...process.argv.slice(2)],
  { env: { ...process.env, DATABASE_URL: databaseUrl, REDIS_URL: redisUrl }, stdio: 'inherit' },
);
process.exit(status ?? 1);
