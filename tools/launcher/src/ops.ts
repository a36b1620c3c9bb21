// An operator's command against the system that `npm start` runs; its commands are apps/admin/src/commands.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { runningInstance } from './instance.ts';
import { repoRoot } from '@antrean/testing/services';

const words = process.argv.slice(2);
const { databaseUrl, redisUrl } = runningInstance()?.addresses ?? {};
if ((databaseUrl === undefined || redisUrl === undefined) && !words.includes('--help')) {
  console.error('Antrean does not run here. Start it with npm start, then run this again.');
  process.exit(3);
}
const { status } = spawnSync(process.execPath, [path.join(repoRoot, 'apps/admin/src/ops.ts'), ...words], {
  // Files are named from where the operator is: npm, and ./ops, say where that is.
  cwd: process.env['INIT_CWD'] ?? process.cwd(),
  env: { ...process.env, DATABASE_URL: databaseUrl, REDIS_URL: redisUrl },
  stdio: 'inherit',
});
process.exit(status ?? 1);
