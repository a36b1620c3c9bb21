import { auditStock, migrateTo, migrateToLatest, openDatabase, readOrders, sql } from '@antrean/db';
import { expect, inject, it } from 'vitest';
import { createTestDatabase } from '../src/test-database.ts';

it('brings a database of the first version to the newest with its orders and its ledger', async () => {
  const database = await createTestDatabase(inject('databaseAdminUrl'));
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
      'the ledger is closed again',
    ).rejects.toThrow('never changed');
    // Running it again changes nothing.
    await migrateToLatest(database.url);
    expect(await auditStock(db)).toEqual(audit);
  } finally {
    await db.destroy();
    await database.drop();
  }
});
