import { type Kysely, sql, type Transaction } from 'kysely';
import { TRANSFER_GATEWAYS } from '@antrean/domain';
import type { Database, TransferAccount } from './schema.ts';

/** The ranges of transfer codes: three digits if they suffice, four in a sale. */
const CODE_RANGES = [
  { from: 1, to: 999 },
  { from: 1_000, to: 9_999 },
] as const;

interface WantedAmount {
  attemptId: string;
  totalRupiah: number;
  accounts: readonly TransferAccount[];
  now: Date;
}

/**
 * Takes an amount a little above the total that no other open transfer to the same account has, and reserves it for
 * this attempt: three digits at each account in turn, then four. Undefined when none is left.
 */
export async function takeTransferAmount(
  trx: Transaction<Database>,
  wanted: WantedAmount,
): Promise<{ account: TransferAccount; amountRupiah: number } | undefined> {
  const { attemptId, totalRupiah, accounts, now } = wanted;
  for (const { from, to } of CODE_RANGES) {
    for (const place of accounts) {
      const account = `${place.bank} ${place.accountNumber}`;
      // Another transaction may take the same amount concurrently; then another one is tried.
      for (let attempt = 0; attempt < 5; attempt += 1) {
        const { rows: candidates } = await sql<{ amountRupiah: number }>`
          select c.amount_rupiah
          from (select ${totalRupiah}::bigint + code as amount_rupiah from generate_series(${from}::int, ${to}::int) code) c
          left join transfer_amounts t on t.account = ${account} and t.amount_rupiah = c.amount_rupiah
          where t.attempt_id is null or t.free_after < ${now}
          order by random() limit 1`.execute(trx);
        const amountRupiah = candidates[0]?.amountRupiah;
        if (amountRupiah === undefined) break;
        const { rows: taken } = await sql`
          insert into transfer_amounts as t (account, amount_rupiah, attempt_id)
          values (${account}, ${amountRupiah}, ${attemptId})
          on conflict (account, amount_rupiah) do update set attempt_id = excluded.attempt_id, free_after = null
            where t.free_after < ${now}
          returning 1`.execute(trx);
        if (taken.length > 0) return { account: place, amountRupiah };
      }
    }
  }
  return takeLongestFreed(trx, wanted);
}

/** Takes the amount that was freed longest ago, before its cooldown ends: better than no amount, in a sale. */
async function takeLongestFreed(
  trx: Transaction<Database>,
  { attemptId, totalRupiah, accounts }: WantedAmount,
): Promise<{ account: TransferAccount; amountRupiah: number } | undefined> {
  const last = CODE_RANGES.at(-1)?.to ?? 0;
  for (const place of accounts) {
    const account = `${place.bank} ${place.accountNumber}`;
    const { rows } = await sql<{ amountRupiah: number }>`
      update transfer_amounts set attempt_id = ${attemptId}, free_after = null
      where (account, amount_rupiah) in
        (select account, amount_rupiah from transfer_amounts
         where account = ${account} and amount_rupiah between ${totalRupiah + 1} and ${totalRupiah + last}
           and free_after is not null
         order by free_after limit 1 for update skip locked)
      returning amount_rupiah`.execute(trx);
    if (rows[0] !== undefined) return { account: place, amountRupiah: rows[0].amountRupiah };
  }
  return undefined;
}

/**
 * Lets other attempts take the amounts of these attempts after that time: until then a late transfer still identifies
 * its order.
 */
export async function freeTransferAmounts(
  trx: Transaction<Database>,
  attemptIds: readonly string[],
  freeAfter: Date,
): Promise<void> {
  if (attemptIds.length === 0) return;
  await trx
    .updateTable('transferAmounts')
    .set({ freeAfter })
    .where('attemptId', '=', sql<string>`any(${attemptIds})`)
    .where('freeAfter', 'is', null)
    .execute();
}

/** Attaches a proof to an open transfer, and returns whether it did. The first proof stays. */
export async function attachProof(
  trx: Transaction<Database>,
  attemptId: string,
  proofReference: string,
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('paymentAttempts')
    .set({ proofReference, updatedAt: new Date() })
    .where('id', '=', attemptId)
    .where('gateway', 'in', TRANSFER_GATEWAYS)
    .where('state', '=', 'active')
    .where('proofReference', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Removes a proof that an operator has rejected. */
export async function dropProof(trx: Transaction<Database>, attemptId: string): Promise<void> {
  await trx
    .updateTable('paymentAttempts')
    .set({ proofReference: null, updatedAt: new Date() })
    .where('id', '=', attemptId)
    .execute();
}

export interface OpenTransfer {
  attemptId: string;
  account: string;
  amountRupiah: number;
  proof: string | null;
  since: Date;
}

/** The open transfers, those with a proof first. */
export async function openTransfers(db: Kysely<Database>, limit: number): Promise<OpenTransfer[]> {
  const { rows } = await sql<OpenTransfer>`
    select id as attempt_id, amount_rupiah,
           (transfer_account->>'bank') || ' ' || (transfer_account->>'accountNumber') as account, proof_reference as proof, created_at as since
    from payment_attempts where state = 'active' and gateway = any(${TRANSFER_GATEWAYS}::text[])
    order by proof_reference is null, created_at limit ${limit}`.execute(db);
  return rows;
}

/**
 * What this line of the bank statement was booked for: an attempt, or the subject of a payment exception. Undefined
 * for a line that was not booked.
 */
export async function attemptOfTransferLine(
  db: Kysely<Database>,
  transactionId: string,
): Promise<string | undefined> {
  const found = await db
    .selectFrom('paymentAttempts')
    .select('id')
    .where('gateway', 'in', TRANSFER_GATEWAYS)
    .where('transactionId', '=', transactionId)
    .executeTakeFirst();
  if (found !== undefined) return found.id;
  const { rows } = await sql<{ subject: string }>`
    select subject from payment_exceptions
    where gateway = any(${TRANSFER_GATEWAYS}::text[]) and right(subject, ${transactionId.length + 1}::int) = ${` ${transactionId}`} limit 1`.execute(
    db,
  );
  return rows[0]?.subject;
}
