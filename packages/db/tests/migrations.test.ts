import {
  auditMoney,
  auditStock,
  migrateTo,
  migrateToLatest,
  migrationNeedsStop,
  openDatabase,
  readOrders,
  unresolvedPaymentExceptions,
} from '@antrean/db';
import { sql } from 'kysely';
import { emptyDatabase } from '@antrean/testing/vitest';
import { expect, it } from 'vitest';

it('migrating from the first version keeps orders and ledger', async () => {
  const database = await emptyDatabase();
  await migrateTo(database.url, '0001-orders');
  const db = openDatabase({ url: database.url, maxConnections: 1 });
  try {
    await sql`
      insert into products (sku, name, price_rupiah) values ('KOPI', 'Kopi', 50000), ('TEH', 'Teh', 20000)`.execute(
      db,
    );
    await sql`
      insert into stock (product_id, on_hand, reserved, committed)
      select id, 10, case sku when 'KOPI' then 2 else 0 end, case sku when 'KOPI' then 3 else 0 end from products`.execute(
      db,
    );
    await sql`
      insert into orders (id, storefront_id, idempotency_key, fingerprint, request_id, state, version, payment_method,
                          customer, shipping_fee_rupiah, total_rupiah, accepted_at)
      select gen_random_uuid(), 'toko', state, 'f', 'r', state, 1, 'online', '{}', 0, 50000, now()
      from unnest(array['reserved', 'paid', 'closing', 'expired']) as state`.execute(db);
    await sql`
      insert into inventory_movements (product_id, order_id, kind, on_hand_delta, reserved_delta, committed_delta, actor,
                                       reason)
      select p.id, o.id, m.kind, m.on_hand, m.reserved, m.committed, 'worker', 'test'
      from (values (1, 'KOPI', null, 'receive', 10, 0, 0), (2, 'TEH', null, 'receive', 10, 0, 0),
                   (3, 'KOPI', 'paid', 'reserve', 0, 3, 0), (4, 'KOPI', 'expired', 'reserve', 0, 1, 0),
                   (5, 'KOPI', 'paid', 'commit', 0, -3, 3), (6, 'KOPI', 'reserved', 'reserve', 0, 2, 0),
                   (7, 'KOPI', 'expired', 'release', 0, -1, 0))
           as m (n, sku, state, kind, on_hand, reserved, committed)
      join products p on p.sku = m.sku left join orders o on o.state = m.state order by m.n`.execute(db);

    await migrateToLatest(database.url);
    const audit = await auditStock(db);
    expect(audit).toMatchObject([
      {
        sku: 'KOPI',
        reserved: 2,
        committed: 3,
        ledgerOnHand: 10,
        ledgerReserved: 2,
        ledgerCommitted: 3,
        gaps: 0,
      },
      { sku: 'TEH', reserved: 0, committed: 0, ledgerOnHand: 10, gaps: 0 },
    ]);
    const { rows } = await sql<{ id: string }>`select id from orders`.execute(db);
    const orders = await readOrders(
      db,
      rows.map(({ id }) => id),
    );
    expect(orders).toHaveLength(4);
    await expect(
      sql`update inventory_movements set actor = 'x'`.execute(db),
      'the ledger cannot be changed again',
    ).rejects.toThrow('never changed');
    // A second run changes nothing.
    await migrateToLatest(database.url);
    expect(await auditStock(db)).toEqual(audit);
  } finally {
    await db.destroy();
    await database.drop();
  }
});

it('migrating keeps earlier payments with their money, their exceptions and their next status checks', async () => {
  const database = await emptyDatabase();
  await migrateTo(database.url, '0006-shipments');
  const db = openDatabase({ url: database.url, maxConnections: 1 });
  try {
    await sql`
      insert into orders (id, storefront_id, idempotency_key, fingerprint, request_id, state, closing_reason, version,
                          payment_method, customer, shipping_fee_rupiah, total_rupiah, accepted_at)
      select gen_random_uuid(), 'toko', state, 'f', 'r', state,
             case when state in ('closing', 'expired') then 'not_paid_in_time' end, 1, 'online', '{}', 0, 50000, now()
      from unnest(array['reserved', 'awaiting_payment', 'closing', 'paid', 'shipped', 'expired', 'cancelled']) as state`.execute(
      db,
    );
    await sql`
      insert into payment_attempts (id, order_id, number, gateway, state, amount_rupiah, gateway_ref, called_by, settlement,
                                    expires_at, updated_at)
      select o.state || '-' || a.number, o.id, a.number, a.gateway, a.state, 50000, o.state || a.number, 'job',
             a.settlement, now(), now() - a.age
      from orders o join (values
        ('reserved', 1, 'midtrans', 'unknown', null, interval '1 minute'),
        ('reserved', 2, 'midtrans', 'not_sent', null, interval '1 minute'),
        ('awaiting_payment', 1, 'midtrans', 'declined', null, interval '1 minute'),
        ('awaiting_payment', 2, 'bank_transfer', 'active', null, interval '1 minute'),
        ('closing', 1, 'xendit', 'active', null, interval '1 minute'),
        ('paid', 1, 'midtrans', 'paid', 'paid', interval '1 hour'),
        ('paid', 2, 'midtrans', 'paid', 'second_payment', interval '1 hour'),
        ('shipped', 1, 'xendit', 'paid', 'paid', interval '9 days'),
        ('expired', 1, 'midtrans', 'paid', 'paid_too_late', interval '1 hour'),
        ('cancelled', 1, 'midtrans', 'closed', null, interval '1 hour'),
        ('cancelled', 2, 'midtrans', 'abandoned', null, interval '3 days'))
        as a (order_state, number, gateway, state, settlement, age) on a.order_state = o.state`.execute(db);

    await migrateToLatest(database.url);
    expect(await auditMoney(db)).toEqual({ differences: [], sumRupiah: 0 });
    const exceptions = await unresolvedPaymentExceptions(db, { limit: 10 });
    expect(
      exceptions
        .map(({ kind, attemptId, amountRupiah }) => `${kind} ${attemptId} ${amountRupiah}`)
        .toSorted(),
    ).toEqual(['paid_too_late expired-1 50000', 'second_payment paid-2 50000']);
    const asked = await db
      .selectFrom('paymentAttempts')
      .select('id')
      .where('nextPollAt', 'is not', null)
      .orderBy('id')
      .execute();
    expect(asked.map(({ id }) => id)).toEqual(['cancelled-1', 'closing-1', 'expired-1', 'paid-1', 'paid-2']);
    const ids = await sql<{ id: string }>`select id from orders`.execute(db);
    expect(
      await readOrders(
        db,
        ids.rows.map(({ id }) => id),
      ),
    ).toHaveLength(7);
  } finally {
    await db.destroy();
    await database.drop();
  }
});

it('migrating renames manual refunds and the references of their transfers, and goes on checking both lifecycles', async () => {
  const database = await emptyDatabase();
  await migrateTo(database.url, '0014-command-outcomes');
  const db = openDatabase({ url: database.url, maxConnections: 1 });
  try {
    await sql`
      with o as (
        insert into orders (id, storefront_id, idempotency_key, fingerprint, request_id, state, version, payment_method,
                            customer, shipping_fee_rupiah, total_rupiah, accepted_at)
        values (gen_random_uuid(), 'toko', 'k', 'f', 'r', 'payment_hold', 1, 'online', '{}', 0, 50000, now()) returning id)
      insert into payment_attempts (id, order_id, number, gateway, state, amount_rupiah, called_by, outcome,
                                    received_rupiah, expires_at)
      select 'a', id, 1, 'midtrans', 'paid', 50000, 'job', 'paid', 50000, now() from o`.execute(db);
    await sql`
      insert into payment_exceptions (kind, state, subject, gateway, detail)
      values ('operator_refund', 'manual_payout', 'due', 'midtrans', ''), ('chargeback', 'open', 'open', 'midtrans', '')`.execute(
      db,
    );
    await sql`
      insert into refunds (id, attempt_id, exception_id, amount_rupiah, reason, requested_by, state, payout_reference,
                           updated_at)
      select r.id, 'a', e.id, 1000, 'rusak', 'admin', r.state, r.reference, '2026-11-01'
      from (values ('due', 'manual_payout', null), ('paid-out', 'succeeded', 'TRF-77'), ('sent', 'sent', null))
             as r (id, state, reference)
        left join payment_exceptions e on e.subject = r.id`.execute(db);

    expect(await migrationNeedsStop(db)).toBe(true);
    await migrateToLatest(database.url);
    expect(await migrationNeedsStop(db)).toBe(false);
    const refunds = await db
      .selectFrom('refunds')
      .select(['id', 'state', 'bankReference', 'updatedAt'])
      .orderBy('id')
      .execute();
    const updatedAt = new Date('2026-11-01');
    expect(refunds).toEqual([
      { id: 'due', state: 'manual_refund', bankReference: null, updatedAt },
      { id: 'paid-out', state: 'succeeded', bankReference: 'TRF-77', updatedAt },
      { id: 'sent', state: 'sent', bankReference: null, updatedAt },
    ]);
    const exceptions = await unresolvedPaymentExceptions(db, { limit: 10 });
    expect(exceptions.map(({ subject, state }) => `${subject} ${state}`).toSorted()).toEqual([
      'due manual_refund',
      'open open',
    ]);

    const move = (table: string, from: string, to: string) =>
      sql`update ${sql.table(table)} set state = ${to} where state = ${from}`.execute(db);
    await expect(move('refunds', 'manual_refund', 'sent')).rejects.toThrow('a refund does not go from');
    await expect(move('payment_exceptions', 'open', 'manual_payout')).rejects.toThrow('does not go from');
    await move('refunds', 'sent', 'manual_refund');
    await move('refunds', 'manual_refund', 'succeeded');
    await move('payment_exceptions', 'open', 'manual_refund');
    await move('payment_exceptions', 'manual_refund', 'open');
    await expect(
      sql`insert into payment_exceptions (kind, state, subject, gateway, detail)
          values ('chargeback', 'manual_payout', 'other', 'midtrans', '')`.execute(db),
    ).rejects.toMatchObject({ constraint: 'payment_exceptions_state_check' });
  } finally {
    await db.destroy();
    await database.drop();
  }
});
