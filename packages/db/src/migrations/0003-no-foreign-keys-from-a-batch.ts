import { type Kysely, sql } from 'kysely';

/** See docs/decisions/2026-11-23-no-foreign-keys-from-a-batch.md. */
export async function up(db: Kysely<never>): Promise<void> {
  for (const [table, column] of [
    ['order_items', 'order_id'],
    ['order_items', 'product_id'],
    ['inventory_movements', 'order_id'],
    ['inventory_movements', 'product_id'],
    ['order_transitions', 'order_id'],
  ]) {
    await sql`alter table ${sql.table(table ?? '')} drop constraint ${sql.ref(`${table}_${column}_fkey`)}`.execute(
      db,
    );
  }
  // In place of the keys: what the rows name is written or locked in the same transaction, and is never deleted.
  for (const table of ['products', 'stock', 'orders']) {
    await sql`
      create trigger ${sql.raw(table)}_never_deleted before delete on ${sql.table(table)}
        for each row execute function refuse_change()`.execute(db);
    await sql`
      create trigger ${sql.raw(table)}_no_truncate before truncate on ${sql.table(table)}
        execute function refuse_change()`.execute(db);
  }
}
