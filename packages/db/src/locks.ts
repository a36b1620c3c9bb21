import { sql, type Transaction } from 'kysely';
import type { Database } from './schema.ts';

/** Whether to wait for locks that another transaction holds, or to fail with SQLSTATE 55P03. */
export interface LockOptions {
  nowait: boolean;
}

/** Limits how long the transaction waits for a lock. */
export async function limitLockWait(trx: Transaction<Database>): Promise<void> {
  await sql`set local lock_timeout = '2s'`.execute(trx);
}
