// A detached process that outlives its launcher by seconds. The launcher lists its children on the guardian's stdin. If
// stdin closes without "done", the launcher has crashed, and the guardian stops the children.
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, processIdentity } from './liveness.ts';

type Child = { pid: number; signal: NodeJS.Signals; group: boolean; started: string | undefined };

const children = new Map<number, Child>();
const directories = new Set<string>();
const containers = new Set<string>();
let done = false;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

function lives(child: Child): boolean {
  return isAlive(child.pid) && processIdentity(child.pid)?.started === child.started;
}

function send(child: Child, signal: NodeJS.Signals): void {
  try {
    process.kill(child.group ? -child.pid : child.pid, signal);
  } catch {
    // already ended
  }
}

async function stopAll(list: Child[], milliseconds: number): Promise<void> {
  const living = list.filter(lives);
  for (const child of living) send(child, child.signal);
  const end = Date.now() + milliseconds;
  while (living.some(lives) && Date.now() < end) await sleep(50);
  for (const child of living) if (child.group || lives(child)) send(child, 'SIGKILL');
  const killedEnd = Date.now() + 3000;
  while (living.some(lives) && Date.now() < killedEnd) await sleep(50);
}

for await (const line of createInterface({ input: process.stdin })) {
  const [word, first = '', second = '', third = ''] = line.split(' ');
  if (word === 'done') done = true;
  else if (word === 'directory') directories.add(line.slice('directory '.length));
  else if (word === 'container') containers.add(first);
  else if (word === 'add') {
    const pid = Number(first);
    children.set(pid, {
      pid,
      signal: second as NodeJS.Signals,
      group: third === 'group',
      started: processIdentity(pid)?.started,
    });
  } else if (word === 'remove') {
    children.delete(Number(first));
    directories.delete(line.slice('remove '.length));
    containers.delete(first);
  }
}

if (!done) {
  // Applications first, then the services that they use.
  await stopAll(
    [...children.values()].filter((child) => child.group),
    10_000,
  );
  await stopAll(
    [...children.values()].filter((child) => !child.group),
    10_000,
  );
  for (const container of containers) {
    const { removeContainer } = await import('./containers.ts'); // rarely needed and slow to load
    await removeContainer(container).catch(() => {});
  }
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
}
