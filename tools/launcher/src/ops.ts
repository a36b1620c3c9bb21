// Runs an operator's command against the system that `npm start` runs. The commands are in apps/admin/src/commands.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { runningInstance } from './instance.ts';
import { repoRoot } from '@antrean/testing/services';

const words = process.argv.slice(2);
const { databaseUrl, redisUrl } = runningInstance()?.addresses ?? {};
if ((databaseUrl === undefined || redisUrl === undefined) && !words.includes('--help')) {
  console.error('Antrean is not running here. Start it with npm start, then repeat the command.');
  process.exit(3);
}
const { status } = spawnSync(process.execPath, [path.join(repoRoot, 'apps/admin/src/ops.ts'), ...words], {
  // File names are relative to the operator's folder, which npm and ./ops pass on.
  cwd: process.env['INIT_CWD'] ?? process.cwd(),
  env: { ...process.env, DATABASE_URL: databaseUrl, REDIS_URL: redisUrl },
  stdio: 'inherit',
});
process.exit(status ?? 1);
