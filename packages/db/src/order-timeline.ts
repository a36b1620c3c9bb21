import { type Kysely, sql } from 'kysely';
import type { Database } from './schema.ts';

/** An order normally has few rows of each kind. If it has more than this, only the newest are read. */
const MAX_ROWS_OF_KIND = 1_000;

export type OrderTimelineRows = NonNullable<Awaited<ReturnType<typeof readOrderTimeline>>>;

/**
 * An order and all rows of its history, as of one moment. `isComplete` is false when a kind has more rows than are
 * read. Undefined for an order without a row, such as a queued one. Leaves out e-mail address, phone number and
 * postal address of the customer.
 */
export async function readOrderTimeline(db: Kysely<Database>, orderId: string) {
  return db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute(async (trx) => {
      const order = await trx
        .selectFrom('orders')
        .select(['id', 'storefrontId', 'requestId', 'state', 'reason', 'closingReason', 'version'])
        .select(['paymentMethod', 'shippingFeeRupiah', 'totalRupiah'])
        .select(['acceptedAt', 'payBefore', 'updatedAt'])
        .select(sql<string | null>`customer ->> 'name'`.as('customerName'))
        .where('id', '=', orderId)
        .executeTakeFirst();
      if (order === undefined) return undefined;
      const attemptIds = trx.selectFrom('paymentAttempts').select('id').where('orderId', '=', orderId);
      const limit = MAX_ROWS_OF_KIND + 1;
      const [items, transitions, stockMovements, attempts, events, refunds, exceptions, money, shipments] =
        await Promise.all([
          trx
            .selectFrom('orderItems')
            .select(['sku', 'name', 'quantity', 'unitPriceRupiah'])
            .where('orderId', '=', orderId)
            .orderBy('lineNo')
            .execute(),
          trx
            .selectFrom('orderTransitions')
            .select(['version', 'fromState', 'toState', 'actor', 'reason', 'at'])
            .where('orderId', '=', orderId)
            .orderBy('version', 'desc')
            .limit(limit)
            .execute(),
          trx
            .selectFrom('inventoryMovements as m')
            .innerJoin('products as p', 'p.id', 'm.productId')
            .select(['m.id', 'p.sku', 'm.kind', 'm.flashSaleItemId', 'm.actor', 'm.reason', 'm.at'])
            .select(['m.onHandFrom', 'm.onHandTo', 'm.reservedFrom', 'm.reservedTo'])
            .select(['m.committedFrom', 'm.committedTo'])
            .where('m.orderId', '=', orderId)
            .orderBy('m.id', 'desc')
            .limit(limit)
            .execute(),
          trx
            .selectFrom('paymentAttempts')
            .select(['id', 'number', 'gateway', 'state', 'stateSince', 'amountRupiah', 'method'])
            .select(['failureCode', 'outcome', 'receivedRupiah', 'returnedRupiah', 'takenBackRupiah'])
            .select(['gatewayRef', 'transactionId', 'calledBy', 'createdAt', 'expiresAt', 'paidAt'])
            .where('orderId', '=', orderId)
            .orderBy('number', 'desc')
            .limit(limit)
            .execute(),
          trx
            .selectFrom('paymentEvents')
            .select(['id', 'gateway', 'attemptId', 'outcome', 'receivedAt'])
            .where('attemptId', 'in', attemptIds)
            .orderBy('id', 'desc')
            .limit(limit)
            .execute(),
          trx
            .selectFrom('refunds')
            .select(['id', 'attemptId', 'exceptionId', 'amountRupiah', 'reason', 'requestedBy', 'state'])
            .select(['gatewayRef', 'failureCode', 'bankReference', 'createdAt', 'updatedAt'])
            .where('attemptId', 'in', attemptIds)
            .orderBy('createdAt', 'desc')
            .limit(limit)
            .execute(),
          trx
            .selectFrom('paymentExceptions')
            .select(['id', 'kind', 'state', 'attemptId', 'gateway', 'amountRupiah', 'detail', 'openedAt'])
            .select(['resolvedAt', 'resolvedBy', 'resolution'])
            .where('orderId', '=', orderId)
            .orderBy('id', 'desc')
            .limit(limit)
            .execute(),
          trx
            .selectFrom('moneyMovements')
            .select(['id', 'kind', 'debit', 'credit', 'amountRupiah', 'reference', 'actor', 'at'])
            .where('orderId', '=', orderId)
            .orderBy('id', 'desc')
            .limit(limit)
            .execute(),
          trx
            .selectFrom('shipments')
            .select(['carrier', 'trackingNumber', 'shippedBy', 'shippedAt'])
            .where('orderId', '=', orderId)
            .execute(),
        ]);
      const all = [transitions, stockMovements, attempts, events, refunds, exceptions, money];
      // As read, newest first, without the extra row that shows that there are more.
      const bounded = <T>(rows: T[]): T[] => rows.slice(0, MAX_ROWS_OF_KIND);
      return {
        order,
        items,
        transitions: bounded(transitions),
        stockMovements: bounded(stockMovements),
        attempts: bounded(attempts),
        events: bounded(events),
        refunds: bounded(refunds),
        exceptions: bounded(exceptions),
        moneyMovements: bounded(money),
        shipments,
        isComplete: all.every((rows) => rows.length <= MAX_ROWS_OF_KIND),
      };
    });
}
