import { type Kysely, sql } from 'kysely';

/**
 * Payments on a gateway's account that none of our attempts expects there. One exception counts many of them. A paid
 * attempt is checked for as long as its method can be disputed, so the claim of due checks has an index of its own for
 * ended attempts.
 */
export async function up(db: Kysely<never>): Promise<void> {
  await sql`
    alter table payment_exceptions
      add column occurrences integer not null default 1 check (occurrences > 0),
      add column last_seen_at timestamptz`.execute(db);
  await sql`
    create table stray_payments (
      id bigint generated always as identity primary key,
      gateway text not null,
      kind text not null check (kind in ('unknown_order', 'wrong_gateway', 'foreign')),
      state text not null check (state in ('confirmed', 'unconfirmed', 'went_back')),
      -- Midtrans's order_id, Xendit's external_id.
      reference text not null,
      -- The gateway's id of the payment; empty if it cannot be asked about.
      payment_id text not null,
      amount_rupiah bigint check (amount_rupiah > 0),
      -- The exception that counts it.
      exception_id bigint references payment_exceptions (id),
      first_seen_at timestamptz not null default now(),
      last_seen_at timestamptz not null default now(),
      unique (gateway, reference, payment_id),
      check (kind <> 'foreign' or exception_id is null)
    )`.execute(db);
  await sql`create index stray_payments_of_exception on stray_payments (exception_id) where exception_id is not null`.execute(
    db,
  );
  await sql`create index stray_payments_by_time on stray_payments (first_seen_at)`.execute(db);
  await sql`
    create trigger stray_payments_never_deleted before delete on stray_payments
      for each row execute function refuse_change()`.execute(db);
  await sql`
    create trigger stray_payments_no_truncate before truncate on stray_payments
      execute function refuse_change()`.execute(db);
}
