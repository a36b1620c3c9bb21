import type { OrderStatus } from '@antrean/domain';
import type { Redis } from 'ioredis';

/** A status record: what is shown of the order, and what only we read. */
export interface StatusRecord {
  status: OrderStatus;
  storefrontId: string;
  /** Of the accepted body; the same key with another body is a conflict. */
  fingerprint: string;
  /** The order's version; 0 while it is queued. */
  version: number;
}

/** The token of an order is in a customer's hands, a key in a storefront's. */
export type CancelledBy = 'customer' | 'storefront';

const RECORD_TTL_SECONDS = 48 * 3600;

/** Sets the record if there is none; otherwise returns the one there. */
const ACCEPT = `
if redis.call('EXISTS', KEYS[1]) == 1 then
  return redis.call('HMGET', KEYS[1], 'status', 'storefront', 'fingerprint', 'version')
end
redis.call('HSET', KEYS[1], 'status', ARGV[1], 'storefront', ARGV[2], 'fingerprint', ARGV[3], 'version', ARGV[4])
redis.call('EXPIRE', KEYS[1], ARGV[5])
return false`;

/**
 * Replaces the record only by a higher version: a worker that was paused cannot publish the past. Answers the orders
 * that were asked to be cancelled while they were queued, each with who asked.
 */
const PUBLISH = `
local cancelled = {}
for i, key in ipairs(KEYS) do
  local a = 4 * i - 2
  local version = redis.call('HGET', key, 'version')
  if not version or tonumber(version) < tonumber(ARGV[a + 3]) then
    redis.call('HSET', key, 'status', ARGV[a], 'storefront', ARGV[a + 1], 'fingerprint', ARGV[a + 2],
      'version', ARGV[a + 3])
    redis.call('EXPIRE', key, ARGV[1])
  end
  local by = redis.call('HGET', key, 'cancelled_by')
  if by then
    cancelled[#cancelled + 1] = i
    cancelled[#cancelled + 1] = by
  end
end
return cancelled`;

/** Leaves word in the record of an order that is still queued, and says whether it did. */
const CANCEL_QUEUED = `
if redis.call('HGET', KEYS[1], 'version') ~= '0' then return 0 end
redis.call('HSETNX', KEYS[1], 'cancelled_by', ARGV[1])
return 1`;

type ScriptedRedis = Redis & {
  antreanAccept(key: string, ...args: (string | number)[]): Promise<unknown>;
  antreanPublish(keyCount: number, ...args: (string | number)[]): Promise<(string | number)[]>;
  antreanCancelQueued(key: string, by: string): Promise<number>;
};

export class StatusRecords {
  readonly #redis: ScriptedRedis;
  readonly #prefix: string;

  constructor(redis: Redis, prefix: string) {
    // By their digest: the text of a script goes over the wire once.
    redis.defineCommand('antreanAccept', { numberOfKeys: 1, lua: ACCEPT });
    redis.defineCommand('antreanPublish', { lua: PUBLISH });
    redis.defineCommand('antreanCancelQueued', { numberOfKeys: 1, lua: CANCEL_QUEUED });
    this.#redis = redis as ScriptedRedis;
    this.#prefix = prefix;
  }

  /** Makes the record of a new order; returns the one that is there when the order is known already. */
  async accept(record: StatusRecord): Promise<StatusRecord | undefined> {
    const known = await this.#redis.antreanAccept(
      this.#key(record.status.orderId),
      ...fields(record),
      RECORD_TTL_SECONDS,
    );
    return Array.isArray(known) ? parse(known) : undefined;
  }

  async read(orderId: string): Promise<StatusRecord | undefined> {
    return parse(
      await this.#redis.hmget(this.#key(orderId), 'status', 'storefront', 'fingerprint', 'version'),
    );
  }

  /**
   * In one round trip, whatever the number of orders. Answers which of them were asked to be cancelled while they were
   * queued, and by whom.
   */
  async publish(records: readonly StatusRecord[]): Promise<{ orderId: string; by: CancelledBy }[]> {
    if (records.length === 0) return [];
    const keys = records.map((record) => this.#key(record.status.orderId));
    const answer = await this.#redis.antreanPublish(
      keys.length,
      ...keys,
      RECORD_TTL_SECONDS,
      ...records.flatMap(fields),
    );
    const cancelled: { orderId: string; by: CancelledBy }[] = [];
    for (let i = 0; i < answer.length; i += 2) {
      const orderId = records[Number(answer[i]) - 1]?.status.orderId ?? '';
      cancelled.push({ orderId, by: answer[i + 1] as CancelledBy });
    }
    return cancelled;
  }

  /** Whether the order is still queued; then whoever reserves it hears that it is to be cancelled. */
  async cancelQueued(orderId: string, by: CancelledBy): Promise<boolean> {
    return (await this.#redis.antreanCancelQueued(this.#key(orderId), by)) === 1;
  }

  /** Orders a second that workers reserve, as last measured; undefined when none worked lately. */
  async drainRate(): Promise<number | undefined> {
    const rate = await this.#redis.get(`${this.#prefix}:drain-rate`);
    return rate === null ? undefined : Number(rate);
  }

  async publishDrainRate(ordersPerSecond: number): Promise<void> {
    await this.#redis.set(`${this.#prefix}:drain-rate`, ordersPerSecond.toFixed(1), 'EX', 60);
  }

  #key(orderId: string): string {
    return `${this.#prefix}:order:${orderId}`;
  }
}

function fields({ status, storefrontId, fingerprint, version }: StatusRecord): (string | number)[] {
  return [JSON.stringify(status), storefrontId, fingerprint, version];
}

function parse([status, storefrontId, fingerprint, version]: (string | null)[]): StatusRecord | undefined {
  if (status == null || storefrontId == null || fingerprint == null) return undefined;
  return { status: JSON.parse(status) as OrderStatus, storefrontId, fingerprint, version: Number(version) };
}
