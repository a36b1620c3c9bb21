import { randomUUID } from 'node:crypto';
import { addProducts, type Database, type Kysely } from '@antrean/db';

const AT = Date.parse('2026-12-12T05:00:00.000Z');
/** This many seconds after the order was accepted. */
export const after = (seconds: number): Date => new Date(AT + seconds * 1_000);
export const isoAfter = (seconds: number): string => after(seconds).toISOString();

export const CUSTOMER = { name: 'Siti Rahayu', email: 'siti@example.test', phone: '+62 812 3456 7890' };

/** A reserved order, as workers leave it. */
export async function reservedOrder(db: Kysely<Database>, state = 'reserved' as const): Promise<string> {
  const orderId = randomUUID();
  await db
    .insertInto('orders')
    .values({
      ...{ id: orderId, storefrontId: 'toko', idempotencyKey: orderId, fingerprint: 'f', requestId: 'r1' },
      ...{ state, version: 1, paymentMethod: 'online', customer: JSON.stringify(CUSTOMER) },
      ...{ shippingFeeRupiah: 10_000, totalRupiah: 60_000, note: 'Titip di satpam' },
      shippingAddress: JSON.stringify({ street: 'Jalan Melati 7' }),
      ...{ acceptedAt: after(0), payBefore: after(1_800), updatedAt: after(1) },
    })
    .execute();
  return orderId;
}

/** An order whose first payment was declined. Its second was paid, and it was shipped and then refunded in part. */
export async function eventfulOrder(db: Kysely<Database>): Promise<string> {
  await addProducts(db, [{ sku: 'KOPI', name: 'Kopi', description: '', priceRupiah: 50_000, onHand: 10 }]);
  const { id: productId } = await db
    .selectFrom('products')
    .select('id')
    .where('sku', '=', 'KOPI')
    .executeTakeFirstOrThrow();
  const orderId = await reservedOrder(db);
  const [first, second] = [`${orderId}-1`, `${orderId}-2`];
  await db
    .insertInto('orderItems')
    .values({
      orderId,
      lineNo: 1,
      productId,
      sku: 'KOPI',
      name: 'Kopi',
      quantity: 1,
      unitPriceRupiah: 50_000,
    })
    .execute();
  await db
    .insertInto('orderTransitions')
    .values([
      {
        orderId,
        version: 1,
        fromState: 'queued',
        toState: 'reserved',
        actor: 'worker',
        reason: 'stock allotted',
        at: after(1),
      },
      {
        orderId,
        version: 2,
        fromState: 'reserved',
        toState: 'awaiting_payment',
        actor: 'worker',
        reason: 'payment link made',
        at: after(2),
      },
      {
        orderId,
        version: 3,
        fromState: 'awaiting_payment',
        toState: 'paid',
        actor: 'midtrans',
        reason: 'paid',
        at: after(10),
      },
      {
        orderId,
        version: 4,
        fromState: 'paid',
        toState: 'shipped',
        actor: 'storefront toko',
        reason: 'shipped',
        at: after(30),
      },
    ])
    .execute();
  const counters = {
    onHandFrom: 10,
    onHandTo: 10,
    reservedFrom: 0,
    reservedTo: 0,
    committedFrom: 0,
    committedTo: 0,
  };
  const movement = { productId, orderId, actor: 'worker', reason: 'order' };
  await db
    .insertInto('inventoryMovements')
    .values([
      { ...movement, ...counters, kind: 'reserve', reservedTo: 1, at: after(1) },
      { ...movement, ...counters, kind: 'commit', reservedFrom: 1, committedTo: 1, at: after(10) },
      { ...movement, ...counters, kind: 'ship', onHandTo: 9, committedFrom: 1, at: after(30) },
    ])
    .execute();
  const attempt = { orderId, amountRupiah: 60_000, expiresAt: after(1_800) };
  await db
    .insertInto('paymentAttempts')
    .values([
      {
        ...attempt,
        id: first,
        number: 1,
        gateway: 'midtrans',
        state: 'declined',
        failureCode: 'http_500',
        calledBy: 'job-1',
        createdAt: after(1),
      },
      {
        ...{
          ...attempt,
          id: second,
          number: 2,
          gateway: 'xendit',
          state: 'paid',
          calledBy: 'job-2',
          createdAt: after(2),
        },
        ...{
          outcome: 'paid',
          receivedRupiah: 60_000,
          returnedRupiah: 20_000,
          paidAt: after(9),
          url: 'https://pay.test/secret',
        },
        ...{ gatewayRef: 'invoice-1', transactionId: 'payment-1', method: 'QRIS' },
      },
    ])
    .execute();
  await db
    .insertInto('paymentEvents')
    .values([
      {
        gateway: 'xendit',
        dedupeKey: 'e1',
        attemptId: second,
        payload: JSON.stringify({ status: 'PAID' }),
        outcome: 'paid',
        receivedAt: after(9),
      },
      {
        gateway: 'xendit',
        dedupeKey: 'e2',
        attemptId: second,
        payload: JSON.stringify({}),
        outcome: null,
        receivedAt: after(50),
      },
    ])
    .execute();
  const money = { orderId, actor: 'worker' };
  await db
    .insertInto('moneyMovements')
    .values([
      {
        ...money,
        kind: 'payment',
        debit: 'xendit',
        credit: 'customer',
        amountRupiah: 60_000,
        reference: second,
        at: after(10),
      },
      {
        ...money,
        kind: 'sale',
        debit: 'customer',
        credit: 'sales',
        amountRupiah: 60_000,
        reference: orderId,
        at: after(10),
      },
      {
        ...money,
        kind: 'refund',
        debit: 'customer',
        credit: 'xendit',
        amountRupiah: 20_000,
        reference: 'refund-1',
        at: after(45),
      },
    ])
    .execute();
  const { id: exceptionId } = await db
    .insertInto('paymentExceptions')
    .values({
      ...{ kind: 'operator_refund', state: 'resolved', subject: 'refund-1', orderId, attemptId: second },
      ...{ gateway: 'xendit', amountRupiah: 20_000, detail: 'arrived broken', openedAt: after(40) },
      ...{ resolvedAt: after(45), resolvedBy: 'worker', resolution: 'refunded' },
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  await db
    .insertInto('refunds')
    .values({
      ...{ id: 'refund-1', attemptId: second, exceptionId, amountRupiah: 20_000, reason: 'arrived broken' },
      ...{
        requestedBy: 'rina',
        state: 'succeeded',
        gatewayRef: 'rfd-1',
        createdAt: after(40),
        updatedAt: after(45),
      },
    })
    .execute();
  await db
    .insertInto('shipments')
    .values({
      orderId,
      carrier: 'JNE',
      trackingNumber: 'JNE1',
      shippedBy: 'storefront toko',
      shippedAt: after(30),
    })
    .execute();
  await db.updateTable('orders').set({ state: 'shipped', version: 4 }).where('id', '=', orderId).execute();
  return orderId;
}
