import { type Kysely, sql } from 'kysely';

/** When a proof of transfer extended the deadline of its order, which it does once. */
export async function up(db: Kysely<never>): Promise<void> {
  await sql`alter table payment_attempts add column proof_extended_at timestamptz`.execute(db);
  // The orders whose stock such proofs hold.
  await sql`
    create index payment_attempts_extended on payment_attempts (order_id)
      where state = 'active' and proof_extended_at is not null`.execute(db);
  // Whose a transfer is, by its amount: ended attempts too.
  await sql`
    create index payment_attempts_by_amount on payment_attempts (amount_rupiah)
      where transfer_account is not null`.execute(db);
}
