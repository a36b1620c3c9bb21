import {
  auditMoney,
  auditStock,
  migrateTo,
  migrateToLatest,
  openDatabase,
  readOrders,
  sql,
  unresolvedPaymentExceptions,
} from '@antrean/db';
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
    const exceptions = await unresolvedPaymentExceptions(db, 10);
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
