import { sql, type Transaction } from 'kysely';
import type { Database } from './schema.ts';

/** Whether to fail with SQLSTATE 55P03 while another transaction holds one of the locks, or to wait for them. */
export interface LockOptions {
  nowait: boolean;
}

/** How long a transaction that waits for its locks does so. */
export async function limitLockWait(trx: Transaction<Database>): Promise<void> {
  await sql`set local lock_timeout = '2s'`.execute(trx);
}
