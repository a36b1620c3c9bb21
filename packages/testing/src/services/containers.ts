// Redis in a container, for a machine with a container engine and no redis-server.
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerRuntimeClient } from 'testcontainers';
import { guardContainer, type Log, release, shortHash, Tail } from './process.ts';

/** On every container of ours; the value names the directory of its data. */
const LABEL = 'antrean.redis';

export type ContainerOptions = { image: string; dir: string; durable: boolean; log: Log | undefined };

export type RunningContainer = {
  host: string;
  port: number;
  ended: Promise<string>;
  output(): string;
  stop(): Promise<void>;
};

/** Throws when no container engine answers. */
async function engine(): Promise<ContainerRuntimeClient> {
  // The guardian removes containers after a crash, so testcontainers need not start its own for that.
  process.env.TESTCONTAINERS_RYUK_DISABLED ??= 'true';
  const { getContainerRuntimeClient } = await import('testcontainers');
  return getContainerRuntimeClient();
}

export async function hasEngine(): Promise<boolean> {
  try {
    await engine();
    return true;
  } catch {
    return false;
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof Error && 'statusCode' in error && error.statusCode === 404;
}

/** Stops and removes a container; does nothing if it does not exist. */
export async function removeContainer(name: string): Promise<void> {
  const container = (await engine()).container.getById(name);
  const end = Date.now() + 20_000;
  for (;;) {
    try {
      await container.stop({ t: 10 });
    } catch {
      // it is not running
    }
    try {
      await container.remove({ force: true, v: true });
      return;
    } catch (error) {
      if (isNotFound(error)) return;
      if (Date.now() > end) throw error; // else another process is removing it
    }
    await sleep(200);
  }
}

async function removeEarlier(directory: string, log: Log | undefined): Promise<void> {
  const { container } = await engine();
  for (;;) {
    const found = await container.fetchByLabel(LABEL, directory);
    if (found === undefined) return;
    log?.(`removing a container left by an earlier run (${found.id})`);
    await removeContainer(found.id);
  }
}

/** Data is stored in a volume: files in our own directory would belong to the container's user. */
function volumeOf(dir: string): string {
  const file = path.join(dir, 'volume');
  if (!existsSync(file)) writeFileSync(file, `antrean-redis-${randomBytes(6).toString('hex')}\n`);
  return readFileSync(file, 'utf8').trim();
}

/** Removes the container of this directory, if there is one, and its volume. */
export async function removeVolume(dir: string): Promise<void> {
  if (!existsSync(path.join(dir, 'volume'))) return;
  const volume = volumeOf(dir);
  try {
    await removeEarlier(shortHash(realpathSync(dir)), undefined);
    await (await engine()).container.dockerode.getVolume(volume).remove();
  } catch (error) {
    if (isNotFound(error)) return;
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(
      `The data of Redis is in a volume: docker volume rm ${volume}. It could not be removed: ${why}`,
      { cause: error },
    );
  }
}

export async function runContainer(command: string[], options: ContainerOptions): Promise<RunningContainer> {
  const { image, dir, durable, log } = options;
  await engine();
  const { GenericContainer, Wait } = await import('testcontainers');
  const directory = shortHash(dir);
  await removeEarlier(directory, log);

  const name = `antrean-redis-${directory}-${randomBytes(4).toString('hex')}`;
  const tail = new Tail();
  let end: (how: string) => void = () => {};
  const ended = new Promise<string>((resolve) => {
    end = resolve;
  });
  let container = new GenericContainer(image)
    .withName(name)
    .withLabels({ [LABEL]: directory })
    .withExposedPorts(6379)
    .withCommand(command)
    .withLogConsumer((stream) => {
      stream.on('data', (chunk: Buffer | string) => tail.push(chunk, log));
      stream.on('end', () => end('its container stopped'));
    })
    .withWaitStrategy(Wait.forLogMessage('Ready to accept connections'))
    .withStartupTimeout(60_000);
  if (durable) container = container.withBindMounts([{ source: volumeOf(dir), target: '/data', mode: 'rw' }]);

  guardContainer(name);
  const stop = async (): Promise<void> => {
    await removeContainer(name);
    await release(name);
  };
  try {
    const started = await container.start();
    const [host, port] = [started.getHost(), started.getMappedPort(6379)];
    return { host, port, ended, output: () => tail.text(), stop };
  } catch (error) {
    await stop();
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`${why.trim()}\n${tail.text()}`.trim(), { cause: error });
  }
}
