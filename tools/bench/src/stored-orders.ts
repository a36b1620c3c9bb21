import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { skuOf } from './shop.ts';

const CHUNK = 250_000;
/** Not crash-safe while the database is filled; the measurement afterwards uses the usual settings. */
const WHILE_FILLING = {
  fsync: 'off',
  full_page_writes: 'off',
  autovacuum: 'off',
  max_wal_size: '8GB',
  checkpoint_timeout: '1h',
};
/** Foreign keys are not checked row by row, as the rows that they name exist. */
const SESSION =
  '-c session_replication_role=replica -c synchronous_commit=off -c work_mem=256MB -c maintenance_work_mem=1GB';

/** The fates of a hundred stored orders: most found no stock, and a few are still open. Each row has the order's states. */
const FATES = [
  { until: 50, way: ['rejected'] },
  { until: 84, way: ['reserved', 'awaiting_payment', 'paid'] },
  { until: 99, way: ['reserved', 'awaiting_payment', 'closing', 'expired'] },
  { until: 100, way: ['reserved', 'awaiting_payment'] },
] as const;
const STATE = FATES.map(({ until, way }) => `when n % 100 < ${until} then '${way.at(-1)}'`).join(' ');
const STEPS = FATES.flatMap(({ way }) =>
  way.map((to, i) => `('${way.at(-1)}', ${i + 1}, '${way[i - 1] ?? 'queued'}', '${to}')`),
).join(', ');

const MAKE_CHUNK_TABLE = `
  create unlogged table stored_chunk (
    id uuid, n bigint, state text, accepted_at timestamptz, first_product bigint, second_product bigint,
    total_rupiah bigint)`;

/** Ids are random, as in production. Sorted, a chunk passes through each index once. */
const MAKE_CHUNK = `
  insert into stored_chunk
  select md5('stored ' || n)::uuid as id, n, case ${STATE} end,
         case when n % 100 = 99 then now() - n % 1000 * interval '1 second'
              else now() - interval '1 day' - n % 15000000 * interval '1 second' end,
         p.ids[1 + n % p.many], p.ids[1 + (n + 1 + n % 37) % p.many],
         18000 + p.prices[1 + n % p.many] + p.prices[1 + (n + 1 + n % 37) % p.many]
  from generate_series($1::bigint, $2::bigint) as n,
       (select array_agg(id order by id) as ids, array_agg(price_rupiah order by id) as prices, count(*) as many
        from products) as p
  order by id`;

const FILL_ORDERS = `
  insert into orders (id, storefront_id, idempotency_key, fingerprint, request_id, state, reason, closing_reason,
                      version, payment_method, customer, shipping_address, shipping_fee_rupiah, total_rupiah,
                      accepted_at, pay_before, due_at, updated_at)
  select c.id, 'toko-utama', 'stored-' || n, rpad(md5(n::text), 43, 'f'), c.id::text, state,
         case state when 'rejected' then 'out_of_stock' end,
         case state when 'expired' then 'not_paid_in_time' end,
         case state when 'rejected' then 1 when 'paid' then 3 when 'expired' then 4 else 2 end,
         'online',
         jsonb_build_object('name', 'Siti Rahmawati', 'email', 'siti.rahmawati' || n || '@example.test',
                            'phone', '+6281234567890'),
         '{"recipient": "Siti Rahmawati", "phone": "+6281234567890", "street": "Jalan Kebon Jeruk Raya No. 17",
           "village": "Kebon Jeruk", "district": "Kebon Jeruk", "city": "Jakarta Barat",
           "province": "DKI Jakarta", "postalCode": "11530"}'::jsonb,
         18000, total_rupiah, accepted_at,
         case when state <> 'rejected' then accepted_at + interval '30 minutes' end,
         case when state = 'awaiting_payment' then accepted_at + interval '30 minutes' end,
         accepted_at + interval '10 minutes'
  from stored_chunk c`;

const FILL_ATTEMPTS = `
  insert into payment_attempts (id, order_id, number, gateway, state, amount_rupiah, url, gateway_ref, called_by,
                                outcome, transaction_id, method, received_rupiah, paid_at, next_poll_at,
                                expires_at, created_at, updated_at)
  select id || '-1', id, 1, 'midtrans', case state when 'paid' then 'paid' when 'expired' then 'closed' else 'active' end,
         total_rupiah, 'https://pay.example.test/' || id, id || '-1',
         'create-payment-' || id || '-v1-r0', case state when 'paid' then 'paid' end,
         case state when 'paid' then 'transaction-' || id end, case state when 'paid' then 'qris' end,
         case state when 'paid' then total_rupiah end,
         case state when 'paid' then accepted_at + interval '10 minutes' end,
         case state when 'awaiting_payment' then accepted_at + interval '15 minutes' end,
         accepted_at + interval '30 minutes', accepted_at, accepted_at + interval '10 minutes'
  from stored_chunk where state <> 'rejected'`;

const FILL_MONEY = `
  insert into money_movements (order_id, kind, debit, credit, amount_rupiah, reference, actor, at)
  select id, m.kind, m.debit, m.credit, total_rupiah, id || '-1', 'midtrans', accepted_at + interval '10 minutes'
  from stored_chunk
  cross join (values ('payment', 'midtrans', 'customer'), ('sale', 'customer', 'sales')) as m (kind, debit, credit)
  where state = 'paid'`;

const FILL_ITEMS = `
  insert into order_items (order_id, line_no, product_id, sku, name, quantity, unit_price_rupiah)
  select c.id, l.line_no, p.id, p.sku, p.name, 1, p.price_rupiah
  from stored_chunk c
  cross join lateral (values (1, c.first_product), (2, c.second_product)) as l (line_no, product_id)
  join products p on p.id = l.product_id`;

const FILL_TRANSITIONS = `
  insert into order_transitions (order_id, version, from_state, to_state, actor, reason, at)
  select c.id, s.version, s.from_state, s.to_state, 'worker', 'stored', c.accepted_at + s.version * interval '1 minute'
  from stored_chunk c join (values ${STEPS}) as s (state, version, from_state, to_state) using (state)`;

/** Continues the ledger of each product from its counters, and updates them. */
const FILL_MOVEMENTS = `
  with steps (state, step, kind, reserved, committed) as (
    values ('paid', 1, 'reserve', 1, 0), ('paid', 2, 'commit', -1, 1), ('expired', 1, 'reserve', 1, 0),
           ('expired', 2, 'release', -1, 0), ('awaiting_payment', 1, 'reserve', 1, 0)
  ), moves as (
    select c.id as order_id, c.accepted_at, l.product_id, m.step, m.kind, m.reserved, m.committed,
           sum(m.reserved) over w as reserved_so_far, sum(m.committed) over w as committed_so_far
    from stored_chunk c join steps m using (state)
    cross join lateral (values (c.first_product), (c.second_product)) as l (product_id)
    window w as (partition by l.product_id order by c.id, m.step rows unbounded preceding)
  ), moved as (
    insert into inventory_movements (product_id, order_id, kind, on_hand_from, on_hand_to, reserved_from, reserved_to,
                                     committed_from, committed_to, actor, reason, at)
    select m.product_id, m.order_id, m.kind, s.on_hand, s.on_hand,
           s.reserved + m.reserved_so_far - m.reserved, s.reserved + m.reserved_so_far,
           s.committed + m.committed_so_far - m.committed, s.committed + m.committed_so_far,
           'worker', 'stored', m.accepted_at + m.step * interval '1 minute'
    from moves m join stock s using (product_id) order by m.order_id, m.step
  ), sums as (
    select product_id, sum(reserved) as reserved, sum(committed) as committed from moves group by product_id
  )
  update stock s set reserved = s.reserved + sums.reserved, committed = s.committed + sums.committed
  from sums where s.product_id = sums.product_id`;

/** The webhook event of each payment. */
const FILL_EVENTS = `
  insert into payment_events (gateway, dedupe_key, attempt_id, payload, outcome)
  select gateway, id, id, '{"transaction_status": "settlement"}', 'paid' from payment_attempts where state = 'paid'`;

/** The product of the only open sale. */
export const SALE_PRODUCT = 1;

/** A sale in which one order in ten has bought. */
const FILL_SALE = `
  with sale as (
    insert into flash_sales (name, starts_at, ends_at, created_by)
    values ('stored', now() - interval '1 hour', now() + interval '1 day', 'stored') returning *
  ), item as (
    insert into flash_sale_items (flash_sale_id, product_id, starts_at, ends_at, sale_price_rupiah, quota)
    select sale.id, p.id, sale.starts_at, sale.ends_at, 1000, 1000000000 from sale, products p where p.sku = $1
    returning id
  )
  insert into flash_sale_buyers (flash_sale_item_id, buyer_key, quantity)
  select item.id, 'email:stored' || n || '@example.test', 1 from item, generate_series(1, $2::int) n`;

/**
 * Fills a database that has products and no orders of them: each order with two lines, its transitions and movements, its
 * payment attempt and its money. Both ledgers agree with the orders. Usage statistics are reset afterwards.
 */
export async function fillStoredOrders(
  databaseUrl: string,
  orders: number,
  say: (line: string) => void,
): Promise<void> {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: 4,
    options: SESSION,
  });
  const everywhere = async (statements: readonly string[]) => {
    for (const statement of statements) await pool.query(statement);
  };
  const fills = [FILL_ORDERS, FILL_ITEMS, FILL_TRANSITIONS, FILL_MOVEMENTS, FILL_MONEY];
  await everywhere(
    Object.entries(WHILE_FILLING).map(([name, value]) => `alter system set ${name} = '${value}'`),
  );
  await everywhere(['select pg_reload_conf()', MAKE_CHUNK_TABLE]);
  const startedAt = performance.now();
  for (let from = 1; from <= orders; from += CHUNK) {
    const to = Math.min(from + CHUNK - 1, orders);
    await pool.query('truncate stored_chunk');
    await pool.query(MAKE_CHUNK, [from, to]);
    await Promise.all(fills.map((fill) => pool.query(fill)));
    await pool.query(FILL_ATTEMPTS);
    say(`stored ${to} of ${orders} orders after ${((performance.now() - startedAt) / 1_000).toFixed(0)} s`);
  }
  await everywhere([FILL_EVENTS]);
  await pool.query(FILL_SALE, [skuOf(SALE_PRODUCT), Math.ceil(orders / 10)]);
  await everywhere([
    'drop table stored_chunk',
    // Otherwise autovacuum would run during the measurement.
    'vacuum (analyze)',
    'alter system reset all',
    'select pg_reload_conf()',
  ]);
  // The checkpoint writes the filled data to disk.
  await delay(500);
  await everywhere(['checkpoint', 'select pg_stat_reset()']);
  await pool.end();
  say(`${orders} orders are stored after ${((performance.now() - startedAt) / 1_000).toFixed(0)} s`);
}

/** Tables that grow with the orders. */
const BIG_TABLES = [
  ...['orders', 'order_items', 'order_transitions', 'inventory_movements', 'payment_attempts'],
  ...['payment_events', 'flash_sale_buyers', 'money_movements'],
];
const BIG_ROWS = 10_000;

export interface TableUse {
  /** The number of scans of each big table. */
  seqScans: Record<string, number>;
  databaseBytes: number;
}

/** The statistics since their reset. Those of a session are complete when it has ended. */
export async function readTableUse(databaseUrl: string): Promise<TableUse> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  const { rows } = await client.query<{ table: string; scans: string }>(
    `select u.relname as table, u.seq_scan as scans from pg_stat_user_tables u join pg_class c on c.oid = u.relid
     where u.relname = any($1) or c.reltuples > $2 order by u.relname`,
    [BIG_TABLES, BIG_ROWS],
  );
  const size = await client.query<{ bytes: string }>('select pg_database_size(current_database()) as bytes');
  await client.end();
  return {
    seqScans: Object.fromEntries(rows.map(({ table, scans }) => [table, Number(scans)])),
    databaseBytes: Number(size.rows[0]?.bytes),
  };
}
