import { type Database, type Kysely, readStock } from '@antrean/db';
import type { AvailabilitySnapshots } from '@antrean/redis';
import type { Logger } from 'pino';

/** Products whose stock changed, or that an order could not get. */
export interface Touched {
  skus?: Iterable<string>;
  productIds?: Iterable<number>;
}

export interface AvailabilityPublisher {
  touch(touched: Touched): void;
  stop(): Promise<void>;
}

/**
 * Collects the changes of a busy moment into one publication. Far below the second within which the sold-out gate
 * must know.
 */
const COLLECT_MS = 50;
const RETRY_MS = 1_000;
/**
 * Sold-out products are published repeatedly: a snapshot is valid for half a minute, and the gate refuses the orders
 * that would renew it.
 */
export const REPUBLISH_MS = 10_000;
const MAX_SOLD_OUT = 10_000;
/** The most products that wait to be published. Until then the gate lets their orders through. */
const MAX_PENDING = 100_000;

/**
 * Publishes the availability of products to the sold-out gate and the catalogue after each change. A failed
 * publication is retried. If the process dies, the next order of the product publishes it again.
 */
export function startAvailabilityPublisher(deps: {
  db: Kysely<Database>;
  availability: Pick<AvailabilitySnapshots, 'publish'>;
  now: () => Date;
  log: Logger;
}): AvailabilityPublisher {
  const skus = new Set<string>();
  const productIds = new Set<number>();
  const soldOut = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let isStopped = false;

  const addPending = (touched: Touched) => {
    if (skus.size + productIds.size > MAX_PENDING) return;
    for (const sku of touched.skus ?? []) skus.add(sku);
    for (const id of touched.productIds ?? []) productIds.add(id);
  };
  const publish = async () => {
    const batch = { skus: [...skus], productIds: [...productIds] };
    skus.clear();
    productIds.clear();
    try {
      const states = await readStock(deps.db, batch, deps.now());
      await deps.availability.publish(states);
      for (const { sku, available, sale } of states) {
        if (available > 0 && (sale === null || sale.quotaLeft > 0)) soldOut.delete(sku);
        else if (soldOut.size < MAX_SOLD_OUT) soldOut.add(sku);
      }
    } catch (error) {
      deps.log.warn({ err: error }, 'availability could not be published; the worker will retry');
      addPending(batch);
      schedule(RETRY_MS);
    }
  };
  const schedule = (delayMs: number) => {
    if (timer !== undefined || isStopped) return;
    timer = setTimeout(() => {
      timer = undefined;
      running = publish().finally(() => {
        running = undefined;
        if (skus.size + productIds.size > 0) schedule(COLLECT_MS);
      });
    }, delayMs);
  };
  const touch = (touched: Touched) => {
    addPending(touched);
    if (running === undefined && skus.size + productIds.size > 0) schedule(COLLECT_MS);
  };
  const republishing = setInterval(() => touch({ skus: soldOut }), REPUBLISH_MS);
  return {
    touch,
    async stop() {
      isStopped = true;
      clearInterval(republishing);
      clearTimeout(timer);
      await running;
      if (skus.size + productIds.size > 0) await publish();
    },
  };
}
