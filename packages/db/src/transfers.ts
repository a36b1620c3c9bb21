import { type Kysely, sql, type Transaction } from 'kysely';
import { type AttemptState, MAX_TRANSFER_CODE, type ProofShare, TRANSFER_GATEWAYS } from '@antrean/domain';
import type { Database, TransferAccount } from './schema.ts';

/** The ranges of transfer codes: three digits if they suffice, then four as far as the shop allows. */
const codeRanges = (maxCode: number) =>
  [
    { from: 1, to: Math.min(999, maxCode) },
    { from: 1_000, to: maxCode },
  ].filter(({ from, to }) => from <= to);

interface WantedAmount {
  attemptId: string;
  totalRupiah: number;
  accounts: readonly TransferAccount[];
  now: Date;
  /** The most that the amount is above the total. */
  maxCode: number;
}

/**
 * Takes an amount a little above the total that no other open transfer to the same account has, and reserves it for
 * this attempt: three digits at each account in turn, then four. Undefined when none is left.
 */
export async function takeTransferAmount(
  trx: Transaction<Database>,
  wanted: WantedAmount,
): Promise<{ account: TransferAccount; amountRupiah: number } | undefined> {
  const { attemptId, totalRupiah, accounts, now, maxCode } = wanted;
  for (const { from, to } of codeRanges(maxCode)) {
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
  { attemptId, totalRupiah, accounts, maxCode }: WantedAmount,
): Promise<{ account: TransferAccount; amountRupiah: number } | undefined> {
  for (const place of accounts) {
    const account = `${place.bank} ${place.accountNumber}`;
    const { rows } = await sql<{ amountRupiah: number }>`
      update transfer_amounts set attempt_id = ${attemptId}, free_after = null
      where (account, amount_rupiah) in
        (select account, amount_rupiah from transfer_amounts
         where account = ${account} and amount_rupiah between ${totalRupiah + 1} and ${totalRupiah + maxCode}
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

/**
 * The shares of stock, and of quotas of sale items, that an order whose deadline a proof extends would hold beside the
 * other orders of that kind. Proofs for the same products wait for each other until the transaction ends.
 */
export async function proofSharesOf(
  trx: Transaction<Database>,
  orderId: string,
): Promise<{ wasExtended: boolean; shares: ProofShare[] }> {
  const mine = sql`
    mine as (
      select product_id, flash_sale_item_id, sum(quantity)::int as quantity from order_items
      where order_id = ${orderId} and product_id is not null group by 1, 2
    )`;
  await sql`
    with ${mine}
    select pg_advisory_xact_lock(hashtext('proofs of transfer'), product_id::int)
    from (select distinct product_id from mine order by product_id) p`.execute(trx);
  const { rows: shares } = await sql<ProofShare>`
    with ${mine}, held as (
      select i.product_id, i.flash_sale_item_id, i.quantity
      from payment_attempts a join order_items i on i.order_id = a.order_id
      where a.state = 'active' and a.proof_extended_at is not null and a.order_id <> ${orderId}
        and i.product_id in (select product_id from mine)
    )
    select s.on_hand as units, m.quantity::int,
           (select coalesce(sum(h.quantity), 0)::int from held h where h.product_id = m.product_id) as held_by_proofs
    from (select product_id, sum(quantity) as quantity from mine group by 1) m join stock s using (product_id)
    union all
    select f.quota, m.quantity,
           (select coalesce(sum(h.quantity), 0)::int from held h where h.flash_sale_item_id = m.flash_sale_item_id)
    from mine m join flash_sale_items f on f.id = m.flash_sale_item_id`.execute(trx);
  const { rows: extended } = await sql`
    select from payment_attempts where order_id = ${orderId} and proof_extended_at is not null limit 1`.execute(
    trx,
  );
  return { wasExtended: extended.length > 0, shares };
}

/** Records that the proof of this transfer has extended the deadline of its order. */
export async function extendByProof(trx: Transaction<Database>, attemptId: string, at: Date): Promise<void> {
  await trx
    .updateTable('paymentAttempts')
    .set({ proofExtendedAt: at, updatedAt: new Date() })
    .where('id', '=', attemptId)
    .execute();
}

export interface ListedTransfer {
  attemptId: string;
  state: AttemptState;
  account: string;
  amountRupiah: number;
  receivedRupiah: number | null;
  proof: string | null;
  since: Date;
}

const LISTED = sql`
  a.id as attempt_id, a.state,
  (a.transfer_account->>'bank') || ' ' || (a.transfer_account->>'accountNumber') as account,
  a.amount_rupiah, a.received_rupiah, a.proof_reference as proof, a.created_at as since`;

/** A page of a list: what comes after the entry with this id, at most so many. */
export interface Page<Id> {
  after?: Id | undefined;
  limit: number;
}

/** Transfers that wait for an operator: open ones, and closed ones whose proof was not reviewed; those with a proof first. */
export async function openTransfers(
  db: Kysely<Database>,
  { after, limit }: Page<string>,
): Promise<ListedTransfer[]> {
  const place = (row: string) =>
    sql`(${sql.ref(`${row}.proofReference`)} is null, ${sql.ref(`${row}.createdAt`)}, ${sql.ref(`${row}.id`)})`;
  const isLater =
    after === undefined
      ? sql`true`
      : sql`${place('a')} > (select ${place('b')} from payment_attempts b where b.id = ${after})`;
  const { rows } = await sql<ListedTransfer>`
    select ${LISTED} from payment_attempts a
    where a.gateway = any(${TRANSFER_GATEWAYS}::text[]) and ${isLater}
      and (a.state = 'active' or (a.state = 'closed' and a.proof_reference is not null))
    order by a.proof_reference is null, a.created_at, a.id limit ${limit}`.execute(db);
  return rows;
}

/**
 * The transfers that this amount may belong to, ended ones too: those that ask for it, then those of orders whose total
 * it is, as a customer may leave the code out. Of each, the newest first.
 */
export async function transfersByAmount(
  db: Kysely<Database>,
  amountRupiah: number,
  { after, limit }: Page<string>,
): Promise<ListedTransfer[]> {
  const place = (row: string) =>
    sql`(${sql.ref(`${row}.amountRupiah`)} = ${amountRupiah}, ${sql.ref(`${row}.createdAt`)}, ${sql.ref(`${row}.id`)})`;
  const isLater =
    after === undefined
      ? sql`true`
      : sql`${place('a')} < (select ${place('b')} from payment_attempts b where b.id = ${after})`;
  const { rows } = await sql<ListedTransfer>`
    select ${LISTED} from payment_attempts a join orders o on o.id = a.order_id
    where a.transfer_account is not null and ${isLater}
      and (a.amount_rupiah = ${amountRupiah}
           or (a.amount_rupiah between ${amountRupiah + 1} and ${amountRupiah + MAX_TRANSFER_CODE}
               and o.total_rupiah = ${amountRupiah}))
    order by a.amount_rupiah = ${amountRupiah} desc, a.created_at desc, a.id desc limit ${limit}`.execute(db);
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
    where gateway = any(${TRANSFER_GATEWAYS}::text[]) and not frees_line and right(subject, ${transactionId.length + 1}::int) = ${` ${transactionId}`} limit 1`.execute(
    db,
  );
  return rows[0]?.subject;
}
