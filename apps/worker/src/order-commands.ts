import {
  allowancesUsed,
  attemptsOfOrders,
  type Database,
  knownGoodsReceipts,
  type Kysely,
  limitLockWait,
  type LockedStock,
  lockOrders,
  lockRefunds,
  lockSaleItems,
  lockStock,
  paymentExceptionsById,
  pipelinedTransaction,
  productsOfOrders,
  soldOf,
  transferLinesOf,
  type Transaction,
  unresolvedExceptionsOf,
} from '@antrean/db';
import {
  type CommandOf,
  type CommandOutcomes,
  decideOrderCommands,
  type HeldProduct,
  involvesReturnedMoney,
  involvesTransferLines,
  type LoadedState,
  type OrderCommand,
  roundsOf,
} from '@antrean/domain';
import { saveOutcomes, type OutcomeKey } from './command-outcomes.ts';
import type { Touched } from './availability-publisher.ts';
import { MicroBatcher } from './micro-batcher.ts';
import { isFaultOfOneInput, retryingTransaction } from './retries.ts';
import { writeEffects } from './write-effects.ts';

/** An order command, with the key of its outcome if an operator's command waits for it. */
type SubmittedCommand = OrderCommand & { outcomeKey?: OutcomeKey };
type AnyOutcome = CommandOutcomes[OrderCommand['kind']];
export type OrderCommands = MicroBatcher<SubmittedCommand, AnyOutcome>;

/** Submits a command to the next batch. */
export async function submitOrderCommand<K extends OrderCommand['kind']>(
  commands: OrderCommands,
  command: CommandOf<K> & { outcomeKey?: OutcomeKey },
): Promise<CommandOutcomes[K]> {
  // A command's outcome is one of its own kind.
  return (await commands.submit(command)) as CommandOutcomes[K];
}

export interface OrderCommandOptions {
  maxBatchSize: number;
  /** Whether money that the shop has no claim to is refunded without an operator. The default is true. */
  refundByItself?: boolean;
  now?: () => Date;
  /** Called after the commit with the products of the batch. */
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
 * Applies a batch of commands in one transaction, those of one order in sequence: loads rows under locks, lets the
 * domain decide, and writes the effects. Takes the same locks as reservations in the same order, and then those of
 * the orders. It waits for locks, so that payments do not starve behind reservations that keep retrying.
 */
export async function applyOrderCommands(
  db: Kysely<Database>,
  batch: readonly SubmittedCommand[],
  {
    refundByItself = true,
    now = () => new Date(),
    touch = () => undefined,
  }: Omit<OrderCommandOptions, 'maxBatchSize'> = {},
): Promise<AnyOutcome[]> {
  const scope = await scopeOf(db, batch);
  const outcomes = await retryingTransaction(() =>
    pipelinedTransaction(db, async (trx) => {
      const result: AnyOutcome[] = [];
      for (const round of roundsOf(batch)) {
        const { stock, ...loaded } = await loadRound(trx, scope);
        const options = { now: now(), refundByItself };
        const commands = round.map((place) => batch[place] as OrderCommand);
        const decided = decideOrderCommands({ stock, ...loaded }, commands, options);
        for (const [index, place] of round.entries()) result[place] = decided.outcomes[index] as AnyOutcome;
        await writeEffects(trx, decided.effects, { stock, now: options.now });
        await saveOutcomes(
          trx,
          round.map((place) => ({ to: batch[place]?.outcomeKey, kind: result[place] })),
        );
      }
      return { result, writes: [] };
    }),
  );
  touch(scope);
  return outcomes;
}

/** The rows that a batch needs. It locks all of them in its first round. */
interface Scope {
  orderIds: string[];
  /** Never changes after the order is inserted. */
  held: HeldProduct[];
  skus: string[];
  /** By id, as a product's SKU may have changed. */
  productIds: number[];
  saleItemIds: number[];
  exceptionIds: number[];
  goodsReceipts: CommandOf<'receive'>[];
  withReturns: boolean;
  withTransferLines: boolean;
}

async function scopeOf(db: Kysely<Database>, batch: readonly OrderCommand[]): Promise<Scope> {
  const orderIds = [...new Set(batch.flatMap((command) => ('orderId' in command ? [command.orderId] : [])))];
  const held = await productsOfOrders(db, orderIds);
  const goodsReceipts = batch.filter((command) => command.kind === 'receive');
  return {
    ...{ orderIds, held, goodsReceipts },
    skus: goodsReceipts.map(({ sku }) => sku),
    productIds: [...new Set(held.map(({ productId }) => productId))],
    saleItemIds: [...new Set(held.flatMap(({ flashSaleItemId }) => flashSaleItemId ?? []))],
    exceptionIds: batch.flatMap((command) =>
      command.kind === 'request_refund' ? (command.exceptionId ?? []) : [],
    ),
    withReturns: batch.some(involvesReturnedMoney),
    withTransferLines: batch.some(involvesTransferLines),
  };
}

async function loadRound(
  trx: Transaction<Database>,
  scope: Scope,
): Promise<LoadedState & { stock: LockedStock[] }> {
  const { orderIds, held, skus, productIds, saleItemIds, exceptionIds, goodsReceipts, withReturns } = scope;
  const [, stock, saleItems, orders, attempts, refunds, sold, exceptions, unresolved, transferLines] =
    await Promise.all([
      limitLockWait(trx),
      lockStock(trx, { skus, productIds }, { nowait: false }),
      lockSaleItems(trx, saleItemIds),
      lockOrders(trx, orderIds),
      attemptsOfOrders(trx, orderIds),
      withReturns ? lockRefunds(trx, orderIds) : [],
      withReturns ? soldOf(trx, orderIds) : [],
      paymentExceptionsById(trx, exceptionIds),
      unresolvedExceptionsOf(trx, orderIds),
      scope.withTransferLines ? transferLinesOf(trx, orderIds) : [],
    ]);
  // Only a payment after expiry needs new stock; the order may expire in this batch.
  const late = new Set(
    orders.filter(({ state }) => state === 'expired' || state === 'closing').map(({ orderId }) => orderId),
  );
  const ids = new Map(stock.map(({ sku, productId }) => [sku, productId]));
  const [receipts, allowances] = await Promise.all([
    knownGoodsReceipts(
      trx,
      goodsReceipts.flatMap(({ sku, reference }) => {
        const productId = ids.get(sku);
        return productId === undefined ? [] : [{ productId, reference }];
      }),
    ),
    allowancesUsed(
      trx,
      held
        .filter(({ orderId }) => late.has(orderId))
        .flatMap(({ flashSaleItemId, buyerKeys }) =>
          flashSaleItemId === null ? [] : buyerKeys.map((buyerKey) => ({ flashSaleItemId, buyerKey })),
        ),
    ),
  ]);
  return {
    ...{
      transferLines,
      stock,
      saleItems,
      allowances,
      orders,
      attempts,
      refunds,
      sold,
      exceptions,
      unresolved,
      held,
    },
    knownGoodsReceipts: receipts,
  };
}
