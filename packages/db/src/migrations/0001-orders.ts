import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<never>): Promise<void> {
  await sql`
    create table products (
      id bigint generated always as identity primary key,
      sku text not null unique,
      name text not null,
      description text not null default '',
      price_rupiah bigint not null check (price_rupiah > 0)
    )`.execute(db);
  await sql`
    create table stock (
      product_id bigint primary key references products (id),
      on_hand integer not null check (on_hand >= 0),
      reserved integer not null default 0,
      committed integer not null default 0,
      shortfall integer not null default 0 check (shortfall >= 0),
      constraint stock_never_oversold
        check (reserved >= 0 and committed >= 0 and reserved + committed <= on_hand + shortfall)
    ) with (fillfactor = 50)`.execute(db);
  await sql`
    create table orders (
      id uuid primary key,
      storefront_id text not null,
      idempotency_key text not null,
      fingerprint text not null,
      request_id text not null,
      state text not null,
      reason text,
      version integer not null check (version > 0),
      payment_method text not null check (payment_method in ('online', 'bank_transfer')),
      customer jsonb not null,
      shipping_address jsonb,
      note text,
      shipping_fee_rupiah bigint not null check (shipping_fee_rupiah >= 0),
      total_rupiah bigint check (total_rupiah >= 0),
      accepted_at timestamptz not null,
      pay_before timestamptz,
      due_at timestamptz,
      sweep_round integer not null default 0,
      updated_at timestamptz not null default now(),
      unique (storefront_id, idempotency_key)
    )`.execute(db);
  await sql`create index orders_due on orders (due_at) where due_at is not null`.execute(db);
  await sql`
    create table order_items (
      order_id uuid not null references orders (id),
      line_no integer not null,
      product_id bigint references products (id),
      sku text not null,
      name text,
      quantity integer not null check (quantity > 0),
      unit_price_rupiah bigint,
      primary key (order_id, line_no)
    )`.execute(db);
  await sql`
    create table inventory_movements (
      id bigint generated always as identity primary key,
      product_id bigint not null references products (id),
      order_id uuid references orders (id),
      kind text not null check (kind in ('receive', 'reserve', 'release', 'commit')),
      on_hand_delta integer not null default 0,
      reserved_delta integer not null default 0,
      committed_delta integer not null default 0,
      actor text not null,
      reason text not null,
      at timestamptz not null default now()
    )`.execute(db);
  // One movement of a kind for a product of an order: a repeated job cannot move stock twice.
  await sql`
    create unique index inventory_movements_once
      on inventory_movements (order_id, product_id, kind) where order_id is not null`.execute(db);
  await sql`
    create function refuse_change() returns trigger language plpgsql as $$
    begin
      raise exception '% rows are never changed or deleted; add a correcting row instead', tg_table_name;
    end $$`.execute(db);
  await sql`
    create trigger inventory_movements_append_only before update or delete on inventory_movements
      for each row execute function refuse_change()`.execute(db);
  await sql`
    create trigger inventory_movements_no_truncate before truncate on inventory_movements
      execute function refuse_change()`.execute(db);
  // What happened to an order, row by row: from what, to what, who, why.
  await sql`
    create table order_transitions (
      order_id uuid not null references orders (id),
      version integer not null,
      from_state text not null,
      to_state text not null,
      actor text not null,
      reason text not null,
      at timestamptz not null default now(),
      primary key (order_id, version)
    )`.execute(db);
  await sql`
    create trigger order_transitions_append_only before update or delete on order_transitions
      for each row execute function refuse_change()`.execute(db);
  await sql`
    create trigger order_transitions_no_truncate before truncate on order_transitions
      execute function refuse_change()`.execute(db);
  await sql`
    create table payment_attempts (
      id text primary key,
      order_id uuid not null references orders (id),
      number integer not null,
      gateway text not null,
      state text not null check (state in
        ('created', 'sent', 'active', 'declined', 'not_sent', 'unknown', 'paid', 'closed', 'abandoned')),
      amount_rupiah bigint not null check (amount_rupiah > 0),
      url text,
      gateway_ref text,
      failure_code text,
      call_no integer not null default 1,
      called_by text not null,
      settlement text check (settlement in ('paid', 'second_payment', 'paid_too_late')),
      expires_at timestamptz not null,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      unique (order_id, number)
    )`.execute(db);
  await sql`
    create unique index payment_attempts_one_live on payment_attempts (order_id)
      where state in ('created', 'sent', 'active', 'unknown')`.execute(db);
  await sql`
    create table payment_events (
      id bigint generated always as identity primary key,
      gateway text not null,
      dedupe_key text not null,
      attempt_id text not null,
      payload jsonb not null,
      outcome text,
      received_at timestamptz not null default now(),
      unique (gateway, dedupe_key)
    )`.execute(db);
  await sql`create index payment_events_open on payment_events (attempt_id) where outcome is null`.execute(
    db,
  );
}
