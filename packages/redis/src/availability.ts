import type { Redis } from './connections.ts';
import type { Keyspace } from './keyspace.ts';

/** The availability of a product in PostgreSQL, after a change. */
export interface ProductAvailability {
  sku: string;
  /** The version of its stock row; grows with each change. */
  version: number;
  available: number;
  /** The regular price. */
  priceRupiah: number;
  /** The open flash sale; its quota limits sales too. */
  sale: { startsAtMs: number; endsAtMs: number; quotaLeft: number; priceRupiah: number } | null;
}

export interface AvailabilitySnapshot extends Omit<ProductAvailability, 'version'> {
  publishedAtMs: number;
}

/**
 * How long a snapshot may refuse orders. A worker that crashed may leave an outdated one: after that time orders pass the
 * gate again, and the worker that reserves them publishes the present state.
 */
export const SNAPSHOT_VALID_MS = 30_000;
/** Versions are kept longer, so that a worker that was paused cannot publish an older state. */
const SNAPSHOT_TTL_SECONDS = 24 * 3600;

/** Replaces a snapshot only by a newer state of the stock. */
const PUBLISH = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i, key in ipairs(KEYS) do
  local a = 7 * i - 5
  local version = redis.call('HGET', key, 'v')
  if not version or tonumber(version) <= tonumber(ARGV[a]) then
    redis.call('HSET', key, 'v', ARGV[a], 'available', ARGV[a + 1], 'from', ARGV[a + 2], 'to', ARGV[a + 3],
      'quota', ARGV[a + 4], 'price', ARGV[a + 5], 'sale', ARGV[a + 6], 'at', now)
    redis.call('EXPIRE', key, ARGV[1])
  end
end`;

const FIELDS = ['available', 'at', 'from', 'to', 'quota', 'price', 'sale'] as const;

type ScriptedRedis = Redis & {
  antreanPublishStock(keyCount: number, ...args: (string | number)[]): Promise<unknown>;
};

/** The availability of each product, for the sold-out gate and the catalogue. */
export class AvailabilitySnapshots {
  readonly #redis: ScriptedRedis;
  readonly #keyspace: Keyspace;

  constructor(redis: Redis, keyspace: Keyspace) {
    redis.defineCommand('antreanPublishStock', { lua: PUBLISH });
    this.#redis = redis as ScriptedRedis;
    this.#keyspace = keyspace;
  }

  async publish(states: readonly ProductAvailability[]): Promise<void> {
    if (states.length === 0) return;
    const keys = states.map(({ sku }) => this.#keyspace.availability(sku));
    const fields = states.flatMap(({ version, available, priceRupiah, sale }) => [
      version,
      available,
      sale?.startsAtMs ?? 0,
      sale?.endsAtMs ?? 0,
      sale?.quotaLeft ?? 0,
      priceRupiah,
      sale?.priceRupiah ?? 0,
    ]);
    await this.#redis.antreanPublishStock(keys.length, ...keys, SNAPSHOT_TTL_SECONDS, ...fields);
  }

  /** In one round trip, in the given order; undefined for a product without a snapshot in the last day. */
  async read(skus: readonly string[]): Promise<(AvailabilitySnapshot | undefined)[]> {
    if (skus.length === 0) return [];
    const pipeline = this.#redis.pipeline();
    for (const sku of skus) {
      pipeline.hmget(this.#keyspace.availability(sku), ...FIELDS);
    }
    const answers = (await pipeline.exec()) ?? [];
    return answers.map(([error, fields], index) => {
      if (error !== null) throw error;
      const [available, at, from, to, quota, price, sale] = fields as (string | null)[];
      if (available == null) return undefined;
      return {
        sku: skus[index] ?? '',
        available: Number(available),
        priceRupiah: Number(price),
        sale:
          to === '0'
            ? null
            : {
                startsAtMs: Number(from),
                endsAtMs: Number(to),
                quotaLeft: Number(quota),
                priceRupiah: Number(sale),
              },
        publishedAtMs: Number(at),
      };
    });
  }
}
