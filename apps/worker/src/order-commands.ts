import {
  allowancesUsed,
  attemptsOfOrders,
  paymentExceptionsById,
  type Database,
  knownGoodsReceipts,
  type Kysely,
  limitLockWait,
  type LockedStock,
  lockOrders,
  lockRefunds,
  lockSaleItems,
  lockStock,
  pipelinedTransaction,
  productsOfOrders,
  soldOf,
} from '@antrean/db';
import { MicroBatcher } from './micro-batcher.ts';
import { type CommandOutcomes, UnitOfWork, type OrderCommand } from './unit-of-work.ts';
import { isFaultOfOneInput, retryingTransaction } from './retries.ts';
import type { Touched } from './availability-publisher.ts';

export type OrderCommands = MicroBatcher<OrderCommand, CommandOutcomes[OrderCommand['kind']]>;

/** Makes a change together with whatever else waits. */
export async function submitOrderCommand<K extends OrderCommand['kind']>(
  changes: OrderCommands,
  change: Extract<OrderCommand, { kind: K }>,
): Promise<CommandOutcomes[K]> {
  // A change is answered with an outcome of its own kind.
  return (await changes.submit(change)) as CommandOutcomes[K];
}

export interface OrderCommandOptions {
  maxBatchSize: number;
  /** Whether money to which the shop has no claim goes back without an admin; it does. */
  refundByItself?: boolean;
  now?: () => Date;
  /** Called after the commit, with the products of the batch. */
  touch?: (touched: Touched) => void;
}

export function batchOrderCommands(db: Kysely<Database>, options: OrderCommandOptions): OrderCommands {
  return new MicroBatcher({
    run: (batch) => applyOrderCommands(db, batch, options),
    maxBatchSize: options.maxBatchSize,
    maxWaitMs: 3,
    isFaultOfOneInput,
  });
}

/**
 * Makes a batch of changes in one transaction, those of an order in their order. Takes the locks that reservations take,
 * in the same order, and then those of the orders; it waits for them, as money that has arrived must not starve behind a
 * stampede that tries again and again.
 */
export async function applyOrderCommands(
  db: Kysely<Database>,
  batch: readonly OrderCommand[],
  {
    refundByItself = true,
    now = () => new Date(),
    touch = () => undefined,
  }: Omit<OrderCommandOptions, 'maxBatchSize'> = {},
): Promise<CommandOutcomes[OrderCommand['kind']][]> {
  const orderIds = [...new Set(batch.flatMap((change) => ('orderId' in change ? [change.orderId] : [])))];
  const held = await productsOfOrders(db, orderIds);
  const skus = batch.flatMap((change) => (change.kind === 'receive' ? [change.sku] : []));
  // By id: a product may have another SKU by now.
  const productIds = [...new Set(held.map(({ productId }) => productId))];
  const saleItemIds = held.flatMap(({ flashSaleItemId }) => flashSaleItemId ?? []);
  const withRefunds = batch.some(({ kind }) => OF_REFUNDS.includes(kind));
  const exceptionIds = batch.flatMap((change) =>
    change.kind === 'request_refund' ? (change.exceptionId ?? []) : [],
  );
  const outcomes = await retryingTransaction(() =>
    pipelinedTransaction(db, async (trx) => {
      const result: CommandOutcomes[OrderCommand['kind']][] = [];
      for (const round of roundsOf(batch)) {
        const [, stock, saleItems, orders, attempts, refunds, sold, exceptions] = await Promise.all([
          limitLockWait(trx),
          lockStock(trx, { skus, productIds }, { nowait: false }),
          lockSaleItems(trx, [...new Set(saleItemIds)]),
          lockOrders(trx, orderIds),
          attemptsOfOrders(trx, orderIds),
          withRefunds ? lockRefunds(trx, orderIds) : [],
          withRefunds ? soldOf(trx, orderIds) : [],
          paymentExceptionsById(trx, exceptionIds),
        ]);
        // Only a payment that comes after the order has expired takes anything anew; it may expire in this batch.
        const expired = new Set(
          orders
            .filter(({ state }) => state === 'expired' || state === 'closing')
            .map(({ orderId }) => orderId),
        );
        const [known, allowances] = await Promise.all([
          knownGoodsReceipts(trx, goodsReceiptsOf(batch, stock)),
          allowancesUsed(trx, allowancesOf(held.filter(({ orderId }) => expired.has(orderId)))),
        ]);
        const found = { stock, saleItems, allowances, orders, attempts, refunds, sold, exceptions, held };
        const plan = new UnitOfWork({ ...found, knownGoodsReceipts: known }, { now: now(), refundByItself });
        for (const place of round) result[place] = plan.add(batch[place] as OrderCommand);
        await plan.write(trx);
      }
      return { result, writes: [] };
    }),
  );
  touch({ skus, productIds });
  return outcomes;
}

/** Changes that depend on what was or is to be sent back. */
const OF_REFUNDS: readonly OrderCommand['kind'][] = [
  'request_refund',
  'end_refund',
  'undo',
  'void',
  'record_external_refund',
];

/**
 * By round, the places of its changes in the batch. A change comes in the round after an earlier one of its order where
 * one of the two is about what goes back: a plan writes each refund, case and attempt once, so what the first one leaves
 * is read again. All is locked in the first round.
 */
function roundsOf(batch: readonly OrderCommand[]): number[][] {
  const rounds: number[][] = [[]];
  /** By order, the round of its last change, and whether one in that round is about what goes back. */
  const seen = new Map<string, { round: number; isOfRefunds: boolean }>();
  for (const [place, change] of batch.entries()) {
    let round = 0;
    if ('orderId' in change) {
      const before = seen.get(change.orderId) ?? { round: 0, isOfRefunds: false };
      const isOfRefunds = OF_REFUNDS.includes(change.kind);
      const isApart = seen.has(change.orderId) && (isOfRefunds || before.isOfRefunds);
      round = isApart ? before.round + 1 : before.round;
      seen.set(change.orderId, { round, isOfRefunds: isOfRefunds || (!isApart && before.isOfRefunds) });
    }
    (rounds[round] ??= []).push(place);
  }
  return rounds;
}

function allowancesOf(
  held: readonly { flashSaleItemId: number | null; buyerKeys: readonly string[] }[],
): { flashSaleItemId: number; buyerKey: string }[] {
  return held.flatMap(({ flashSaleItemId, buyerKeys }) =>
    flashSaleItemId === null ? [] : buyerKeys.map((buyerKey) => ({ flashSaleItemId, buyerKey })),
  );
}

function goodsReceiptsOf(
  batch: readonly OrderCommand[],
  stock: readonly LockedStock[],
): { productId: number; reference: string }[] {
  const ids = new Map(stock.map(({ sku, productId }) => [sku, productId]));
  return batch.flatMap((change) => {
    const productId = change.kind === 'receive' ? ids.get(change.sku) : undefined;
    return change.kind === 'receive' && productId !== undefined
      ? [{ productId, reference: change.reference }]
      : [];
  });
}
