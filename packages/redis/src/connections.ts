import { Cluster, Redis as RedisNode, type RedisOptions } from 'ioredis';
import type { Keyspace } from './keyspace.ts';

/** A connection to one server, or to the nodes of a cluster. */
export type Redis = RedisNode | Cluster;

const FAIL_FAST = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 1,
  // Together with the 200 ms of the rate limit's connection, a request is answered within a second.
  commandTimeout: 700,
  // A silent connection is closed and its commands are lost. Otherwise they would pile up in memory and all run when
  // Redis goes on, for clients that have disconnected.
  socketTimeout: 2_000,
  autoResendUnfulfilledCommands: false,
  connectTimeout: 2_000,
  retryStrategy: (attempt: number) => Math.min(attempt * 50, 1_000),
} as const satisfies RedisOptions;

/**
 * For producers and status records: fails within 0.7 s when Redis is down or frozen, instead of queueing
 * commands in memory. A command that timed out may still have been executed.
 */
export const openRequestRedis = (url: string): Redis => open(url, FAIL_FAST);

/**
 * For what a worker publishes and adds after its commit: gives up after 10 s. No client waits for it, and while Redis is
 * slow, as during a rewrite of its log, a worker that gave up early would only repeat the same commands.
 */
export const openWorkerRedis = (url: string): Redis =>
  open(url, { ...FAIL_FAST, commandTimeout: 10_000, socketTimeout: 15_000 });

/** For what may be skipped while Redis is slow, such as rate limits: gives up after 200 ms. */
export const openRateLimitRedis = (url: string): Redis => open(url, { ...FAIL_FAST, commandTimeout: 200 });

/**
 * For BullMQ's workers, which block on Redis for up to 10 s: no command timeout, endless retries. A connection that is
 * silent for longer is replaced.
 */
export const openBlockingRedis = (url: string): Redis =>
  open(url, { maxRetriesPerRequest: null, socketTimeout: 15_000 });

/**
 * For channels. OrderChanges subscribes again after a lost connection. Every node of a cluster has every message, so
 * this connects to one of the nodes that `url` names, and after a loss to the next. ioredis's own subscriber for clusters
 * has no timeouts and does not report lost messages.
 */
export function openSubscriberRedis(url: string): RedisNode {
  const nodes = clusterNodesOf(url);
  const redis: RedisNode = new RedisNode(nodes?.[0]?.href ?? url, {
    ...FAIL_FAST,
    autoResubscribe: false,
    retryStrategy(attempt: number) {
      const next = nodes?.[attempt % nodes.length];
      if (next !== undefined) Object.assign(redis.options, { host: next.hostname, port: Number(next.port) });
      return FAIL_FAST.retryStrategy(attempt);
    },
  });
  redis.on('error', () => undefined);
  return redis;
}

type Options = Omit<RedisOptions, 'replyMapping'>;

function open(url: string, options: Options): Redis {
  const nodes = clusterNodesOf(url);
  const redis = nodes === undefined ? new RedisNode(url, options) : openCluster(nodes, options);
  // Every command reports its own failure; without a listener ioredis prints each reconnect.
  redis.on('error', () => undefined);
  return redis;
}

/** Fails as a single server does: without an offline queue no command is sent again, as it may have been executed. */
function openCluster(nodes: readonly URL[], options: Options): Cluster {
  const { enableOfflineQueue = true, retryStrategy, ...ofNode } = options;
  const [{ username, password } = { username: '', password: '' }] = nodes;
  const cluster = new Cluster(
    nodes.map(({ hostname, port }) => ({ host: hostname, port: Number(port) })),
    {
      enableOfflineQueue,
      ...(retryStrategy ? { clusterRetryStrategy: retryStrategy } : {}),
      ...(enableOfflineQueue ? {} : { retryDelayOnFailover: 0, retryDelayOnClusterDown: 0 }),
      redisOptions: {
        ...ofNode,
        username: decodeURIComponent(username),
        password: decodeURIComponent(password),
      },
    },
  );
  // By default ioredis connects a node on its first command, and without an offline queue the next commands fail.
  cluster.on('ready', () => {
    for (const node of cluster.nodes('master')) {
      if (node.status === 'wait') node.connect().catch(() => undefined);
    }
  });
  return cluster;
}

/** The nodes of `redis+cluster://user:password@host:port,host:port`; undefined when the URL names one server. */
function clusterNodesOf(url: string): URL[] | undefined {
  const [, login = '', addresses] = /^redis\+cluster:\/\/(.*@)?(.*)$/.exec(url) ?? [];
  return addresses?.split(',').map((address) => new URL(`redis://${login}${address}`));
}

/** A connection to each server: to the only one, or to every node of a cluster, with replicas. */
export const serversOf = (redis: Redis): RedisNode[] => (redis instanceof Cluster ? redis.nodes() : [redis]);

/** Resolves when the connection is usable; rejects after the deadline. */
export async function waitForRedis(redis: Redis, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () =>
        reject(
          new Error(`Redis did not answer within ${timeoutMs} ms; check REDIS_URL and that Redis runs.`),
        ),
      timeoutMs,
    );
  });
  try {
    await Promise.race([untilReady(redis), late]);
  } finally {
    clearTimeout(timer);
  }
}

async function untilReady(redis: Redis): Promise<void> {
  await statusOf(redis, ['ready']);
  // A cluster emits `ready` before its nodes are connected. A node out of reach may have lost its slots to another.
  if (redis instanceof Cluster) {
    await Promise.all(redis.nodes('master').map((node) => statusOf(node, ['ready', 'end'])));
  }
}

async function statusOf(redis: Redis, statuses: readonly ('ready' | 'end')[]): Promise<void> {
  if (statuses.some((status) => status === redis.status)) return;
  await new Promise<void>((resolve) => {
    const seen = () => {
      for (const status of statuses) redis.off(status, seen);
      resolve();
    };
    for (const status of statuses) redis.on(status, seen);
  });
}

/** Rejects while the keys are out of reach. A plain PING to a cluster is answered by any of its nodes. */
export async function pingRedis(redis: Redis, keyspace: Keyspace): Promise<void> {
  await redis.exists(keyspace.switches);
}
