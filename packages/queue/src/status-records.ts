import type { Redis } from 'ioredis';

/** What a customer or storefront reads of an order. Money in integer rupiah, times ISO 8601 UTC. */
export interface OrderStatus {
  orderId: string;
  storefrontId: string;
  status: string;
  reason?: string;
  total?: number;
  items: { sku: string; quantity: number; name?: string; unitPrice?: number }[];
  payment?: { gateway: string; url?: string; expiresAt: string };
  updatedAt: string;
}

const RECORD_TTL_SECONDS = 48 * 3600;

/** Sets the record if there is none; otherwise returns the fingerprint and status of the one there. */
const ACCEPT = `
if redis.call('EXISTS', KEYS[1]) == 1 then
  return redis.call('HMGET', KEYS[1], 'fingerprint', 'status')
end
redis.call('HSET', KEYS[1], 'version', '0', 'fingerprint', ARGV[1], 'status', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return {}`;

/** Replaces the record only by a higher version: a worker that was paused cannot publish the past. */
const PUBLISH = `
local version = redis.call('HGET', KEYS[1], 'version')
if version and tonumber(version) >= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[1], 'fingerprint', ARGV[2], 'status', ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1`;

export class StatusRecords {
  readonly #redis: Redis;
  readonly #prefix: string;

  constructor(redis: Redis, prefix: string) {
    this.#redis = redis;
    this.#prefix = prefix;
  }

  async accept(
    status: OrderStatus,
    fingerprint: string,
  ): Promise<{ kind: 'new' } | { kind: 'replay'; fingerprint: string; status: OrderStatus }> {
    const known = (await this.#redis.eval(
      ACCEPT,
      1,
      this.#key(status.orderId),
      fingerprint,
      JSON.stringify(status),
      RECORD_TTL_SECONDS,
    )) as string[];
    const [knownFingerprint, knownStatus] = known;
    if (knownFingerprint === undefined || knownStatus === undefined) return { kind: 'new' };
    return { kind: 'replay', fingerprint: knownFingerprint, status: JSON.parse(knownStatus) as OrderStatus };
  }

  async read(orderId: string): Promise<OrderStatus | undefined> {
    const status = await this.#redis.hget(this.#key(orderId), 'status');
    return status === null ? undefined : (JSON.parse(status) as OrderStatus);
  }

  /** In one round trip, whatever the number of orders. */
  async publish(
    records: readonly { status: OrderStatus; version: number; fingerprint: string }[],
  ): Promise<void> {
    if (records.length === 0) return;
    const pipeline = this.#redis.pipeline();
    for (const { status, version, fingerprint } of records) {
      pipeline.eval(
        PUBLISH,
        1,
        this.#key(status.orderId),
        version,
        fingerprint,
        JSON.stringify(status),
        RECORD_TTL_SECONDS,
      );
    }
    for (const [error] of (await pipeline.exec()) ?? []) if (error) throw error;
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
