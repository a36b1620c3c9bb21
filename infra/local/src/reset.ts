// Removes everything that start keeps: databases, keys, logs, the unpacked Redis.
import { rmSync } from 'node:fs';
import { localDirectory, runningInstance } from './instance.ts';
import { rootDataDirectory } from './postgres.ts';

const instance = runningInstance();
if (instance !== undefined) {
  console.error(`Antrean runs (process ${instance.pid}). Stop it first: kill ${instance.pid}`);
  process.exit(1);
}
try {
  for (const directory of [localDirectory, rootDataDirectory]) {
    rmSync(directory, { recursive: true, force: true });
  }
} catch (error) {
  console.error(`Not everything could be removed: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
console.log('Removed all local data. The next start begins afresh.');
