import { randomUUID } from 'node:crypto';
import {
  type Database,
  type Kysely,
  movePaymentExceptions,
  openDatabase,
  recordStrayPayment,
  unresolvedPaymentExceptions,
} from '@antrean/db';
import type { TestDatabase } from '@antrean/testing';
import { testDatabase } from '@antrean/testing/vitest';
import { afterAll, beforeAll, expect, it } from 'vitest';

let database: TestDatabase;
let db: Kysely<Database>;
beforeAll(async () => {
  database = await testDatabase();
  db = openDatabase({ url: database.url, maxConnections: 1 });
});
afterAll(async () => {
  await db.destroy();
  await database.drop();
});

let second = 0;
const record = (
  { orderId, paymentId }: { orderId: string | null; paymentId: string },
  state: 'confirmed' | 'went_back' = 'confirmed',
) => {
  second += 1;
  const stray = {
    ...({ gateway: 'xendit', kind: orderId === null ? 'unknown_order' : 'wrong_gateway' } as const),
    ...{ reference: `${orderId ?? 'other'}-1`, paymentId, amountRupiah: 10_000, orderId },
    at: new Date(1_800_000_000_000 + second * 1_000),
  };
  const exception = state === 'went_back' ? null : stray.kind;
  return db.transaction().execute((trx) => recordStrayPayment(trx, stray, { state, exception }));
};
const unresolved = async (orderId: string | null) =>
  (await unresolvedPaymentExceptions(db, { limit: 100 })).filter(
    (exception) => exception.orderId === orderId,
  );
const resolve = (id: number) =>
  db
    .transaction()
    .execute((trx) =>
      movePaymentExceptions(trx, [{ id, to: 'resolved', actor: 'operator', resolution: 'looked into' }]),
    );

it.each([randomUUID(), null])(
  'a payment after a resolved exception opens another (order %s)',
  async (orderId) => {
    expect(await record({ orderId, paymentId: 'p-1' })).toBe('opened');
    expect(await record({ orderId, paymentId: 'p-2' })).toBe('counted');
    const [first] = await unresolved(orderId);
    expect(first).toMatchObject({ occurrences: 2, amountRupiah: 20_000 });
    await resolve(first?.id ?? 0);
    expect(await record({ orderId, paymentId: 'p-2' })).toBe('counted');
    expect(await unresolved(orderId)).toEqual([]);
    expect(await record({ orderId, paymentId: 'p-3' })).toBe('opened');
    expect(await unresolved(orderId)).toMatchObject([{ occurrences: 1, amountRupiah: 10_000 }]);
  },
);

it('a payment that went back and came again opens an exception again', async () => {
  const payment = { orderId: randomUUID(), paymentId: 'p-4' };
  expect(await record(payment)).toBe('opened');
  await record(payment, 'went_back');
  expect(await unresolved(payment.orderId)).toEqual([]);
  expect(await record(payment)).toBe('opened');
  expect(await unresolved(payment.orderId)).toMatchObject([{ occurrences: 1 }]);
});
