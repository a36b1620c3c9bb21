import { type Database, type Kysely, readStock } from '@antrean/db';
import type { AvailabilitySnapshots } from '@antrean/redis';
import type { Logger } from 'pino';

/** Products whose stock has changed, or of which an order could not be met. */
export interface Touched {
  skus?: Iterable<string>;
  productIds?: Iterable<number>;
}

export interface AvailabilityPublisher {
  touch(touched: Touched): void;
  stop(): Promise<void>;
}

/** Joins the changes of a busy moment into one look; far below the second within which the gate must know. */
const JOIN_MS = 50;
const RETRY_MS = 1_000;
/** What is sold out is said again and again, as a snapshot holds for half a minute and no order comes to say so. */
export const SAY_AGAIN_MS = 10_000;
const MAX_SOLD_OUT = 10_000;
/** More would only be more work for a gate that lets everything through meanwhile. */
const MAX_REMEMBERED = 100_000;

/**
 * Tells the sold-out gate and the catalogue what can be had, after each change. What cannot be told is tried again; what
 * is lost with the process, the next order of that product brings up again.
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

  const remember = (touched: Touched) => {
    if (skus.size + productIds.size > MAX_REMEMBERED) return;
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
      deps.log.warn({ err: error }, 'the stock could not be published; it is tried again');
      remember(batch);
      schedule(RETRY_MS);
    }
  };
  const schedule = (delayMs: number) => {
    if (timer !== undefined || isStopped) return;
    timer = setTimeout(() => {
      timer = undefined;
      running = publish().finally(() => {
        running = undefined;
        if (skus.size + productIds.size > 0) schedule(JOIN_MS);
      });
    }, delayMs);
  };
  const touch = (touched: Touched) => {
    remember(touched);
    if (running === undefined && skus.size + productIds.size > 0) schedule(JOIN_MS);
  };
  const sayingAgain = setInterval(() => touch({ skus: soldOut }), SAY_AGAIN_MS);
  return {
    touch,
    async stop() {
      isStopped = true;
      clearInterval(sayingAgain);
      clearTimeout(timer);
      await running;
      if (skus.size + productIds.size > 0) await publish();
    },
  };
}
