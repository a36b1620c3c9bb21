import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type AcceptedOrder, createProducer, orderJobId, type Producer } from '@antrean/queue';
import { openBlockingRedis, type Redis, StatusRecords } from '@antrean/redis';
import { Queue } from 'bullmq';
import { keyspace } from './keyspace.ts';

const CHUNK = 500;

/** The order queue of one Redis, filled as by the API: a status record and a job for each order. */
export class OrderQueue {
  /** Without the API's command timeout, as a server busy with a million orders is no failure here. */
  readonly #redis: Redis;
  readonly #records: StatusRecords;
  readonly #producer: Producer;
  readonly #queue: Queue;
  readonly #skusOf: (order: number) => readonly string[];
  readonly #run = randomUUID();
  #accepted = 0;
  #added = 0;

  constructor(redisUrl: string, skusOf: (order: number) => readonly string[]) {
    this.#redis = openBlockingRedis(redisUrl);
    this.#records = new StatusRecords(this.#redis, keyspace);
    this.#producer = createProducer(this.#redis, keyspace);
    this.#queue = new Queue('orders', { connection: this.#redis, prefix: keyspace.bullmq });
    this.#queue.on('error', () => undefined);
    this.#skusOf = skusOf;
  }

  /** Creates status records of orders without jobs, up to this number of orders. */
  async acceptAhead(orders: number): Promise<void> {
    while (this.#accepted < this.#added + orders) {
      const chunk = this.#chunk(this.#accepted, this.#added + orders);
      await Promise.all(chunk.map((order) => this.#accept(order)));
      this.#accepted += chunk.length;
    }
  }

  /** Adds the jobs of this many orders, and the records that are missing. */
  async add(orders: number): Promise<void> {
    const end = this.#added + orders;
    while (this.#added < end) {
      const chunk = this.#chunk(this.#added, end);
      await this.acceptAhead(chunk.length);
      await this.#producer.addAll(
        'reserve-order',
        chunk.map((order) => ({
          payload: order,
          jobId: orderJobId('reserve-order', { orderId: order.orderId, version: 0, sweepRound: 0 }),
        })),
      );
      this.#added += chunk.length;
    }
  }

  async counts(): Promise<{ waiting: number; left: number; failed: number; done: number }> {
    const {
      waiting = 0,
      active = 0,
      delayed = 0,
      failed = 0,
    } = await this.#queue.getJobCounts('waiting', 'active', 'delayed', 'failed');
    const left = waiting + active + delayed;
    return { waiting, left, failed, done: this.#added - left - failed };
  }

  async usedMemoryBytes(): Promise<number> {
    // Redis frees its buffers of the last commands meanwhile.
    await delay(500);
    return Number(/^used_memory:(\d+)/m.exec(await this.#redis.info('memory'))?.[1]);
  }

  /** Empties the server. */
  async clear(): Promise<void> {
    await this.#redis.flushall();
    this.#accepted = 0;
    this.#added = 0;
  }

  async close(): Promise<void> {
    await this.#queue.close();
    await this.#producer.close();
    this.#redis.disconnect();
  }

  #chunk(from: number, end: number): AcceptedOrder[] {
    return Array.from({ length: Math.min(CHUNK, end - from) }, (_, i) => this.#order(from + i));
  }

  async #accept({ orderId, storefrontId, fingerprint, items, acceptedAtMs }: AcceptedOrder): Promise<void> {
    const updatedAt = new Date(acceptedAtMs).toISOString();
    const status = { orderId, status: 'queued' as const, items, updatedAt };
    await this.#records.admit({
      record: { status, storefrontId, fingerprint, version: 0 },
      items,
      acceptedAtMs,
      refusal: { before: undefined, after: undefined },
    });
  }

  #order(n: number): AcceptedOrder {
    const digest = createHash('sha256').update(`${this.#run} ${n}`).digest('hex');
    const orderId = digest.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-8$3-8$4-$5');
    const phone = `+62812${digest.replaceAll(/\D/g, '').padEnd(8, '0').slice(0, 8)}`;
    return {
      orderId,
      storefrontId: 'toko-utama',
      idempotencyKey: randomUUID(),
      fingerprint: createHash('sha256').update(digest).digest('base64url'),
      requestId: randomUUID(),
      acceptedAtMs: Date.now(),
      customer: { name: 'Siti Rahmawati', email: `siti.rahmawati${n}@example.test`, phone },
      items: this.#skusOf(n).map((sku) => ({ sku, quantity: 1 })),
      paymentMethod: 'online',
      shippingFeeRupiah: 18_000,
      shippingAddress: {
        recipient: 'Siti Rahmawati',
        phone,
        street: `Jalan Kebon Jeruk Raya No. ${n % 200}, RT 04 RW 07`,
        village: 'Kebon Jeruk',
        district: 'Kebon Jeruk',
        city: 'Jakarta Barat',
        province: 'DKI Jakarta',
        postalCode: '11530',
      },
    };
  }
}
