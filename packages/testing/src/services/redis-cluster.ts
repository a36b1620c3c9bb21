import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { RunningService } from './postgres.ts';
import type { Log } from './process.ts';
import { startRedis } from './redis.ts';

const PRIMARIES = 3;
const SLOTS = 16_384;
const DEADLINE_MS = 30_000;

/** A Redis Cluster on 127.0.0.1, in an empty folder: three primaries with a third of the slots each, and their replicas. */
export async function startRedisCluster(options: { dir: string; log?: Log }) {
  const nodes: RunningService[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()));
  };
  try {
    for (let n = 0; n < 2 * PRIMARIES; n += 1) {
      const dir = path.join(options.dir, `${n}`);
      nodes.push(await startRedis({ ...options, dir, durable: true, cluster: true }));
    }
    await join(nodes.map(({ url }) => url));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    /** The form in which REDIS_URL names a cluster. */
    url: `redis+cluster://${nodes.map(({ url }) => new URL(url).host).join(',')}`,
    primaries: nodes.slice(0, PRIMARIES).map(({ url, pid = 0 }) => ({ url, pid })),
    stop,
  };
}

async function join(urls: readonly string[]): Promise<void> {
  const clients = urls.map((url) => new Redis(url));
  const ask = async (client: Redis | undefined, ...words: (string | number)[]): Promise<string> =>
    String(await client?.call('CLUSTER', ...words));
  const primaries = clients.slice(0, PRIMARIES);
  try {
    const firstSlot = (n: number) => Math.ceil((n * SLOTS) / PRIMARIES);
    for (const [n, primary] of primaries.entries()) {
      await ask(primary, 'ADDSLOTSRANGE', firstSlot(n), firstSlot(n + 1) - 1);
    }
    for (const client of clients.slice(1)) {
      const { host = '', port = 0 } = client.options;
      // Each node reports the port of its cluster bus.
      const [, bus = ''] = /@(\d+)/.exec(await ask(client, 'NODES')) ?? [];
      await ask(primaries[0], 'MEET', host, port, bus);
    }
    for (const client of clients) {
      await until('a cluster', async () =>
        (await ask(client, 'INFO')).includes(`known_nodes:${clients.length}`),
      );
    }
    for (const [n, replica] of clients.slice(PRIMARIES).entries()) {
      await ask(replica, 'REPLICATE', await ask(primaries[n], 'MYID'));
    }
    for (const replica of clients.slice(PRIMARIES)) {
      await until('replicas', async () =>
        (await replica.info('replication')).includes('master_link_status:up'),
      );
    }
    for (const client of clients) {
      await until('ready', async () => (await ask(client, 'INFO')).includes('cluster_state:ok'));
    }
  } finally {
    for (const client of clients) client.disconnect();
  }
}

async function until(state: string, isReached: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + DEADLINE_MS;
  while (!(await isReached())) {
    if (Date.now() > end) throw new Error(`The nodes of Redis did not become ${state} in ${DEADLINE_MS} ms.`);
    await sleep(50);
  }
}
