// Removes all data that start keeps: databases, keys, logs, the unpacked Redis.
import { rmSync } from 'node:fs';
import path from 'node:path';
import { removeVolume } from '@antrean/testing/services';
import { localDirectory, runningInstance } from './instance.ts';
import { rootDataDirectory } from '@antrean/testing/services';

const instance = runningInstance();
if (instance !== undefined) {
  console.error(`Antrean is running (process ${instance.pid}). Stop it first: kill ${instance.pid}`);
  process.exit(1);
}
const removals: Array<() => void | Promise<void>> = [
  () => removeVolume(path.join(localDirectory, 'redis')),
  () => rmSync(localDirectory, { recursive: true, force: true }),
  () => rmSync(rootDataDirectory, { recursive: true, force: true }),
];
for (const remove of removals) {
  try {
    await remove();
  } catch (error) {
    process.exitCode = 1;
    console.error(
      `Some local data could not be removed: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
if (!process.exitCode) console.log('Removed all local data. The next start begins with empty stores.');
