// Loaded before an app whose memory is watched: at the word it collects all garbage, and says how much is still there.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export interface Collected {
  liveBytes: number;
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

process.on('message', (message) => {
  if (message !== 'collect') return;
  // What is only let go of by the first, as what has a finalizer, goes with the second.
  collectGarbage();
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  process.send?.({ liveBytes: heapUsed + external } satisfies Collected);
});
