import { type Kysely, sql } from 'kysely';
import { type Difference, hasOurPrefix, type OnlineGateway } from '@antrean/domain';
import type { Database } from './schema.ts';

export interface OurPayment {
  attemptId: string;
  orderId: string;
  transactionId: string | null;
  receivedRupiah: number;
  /** All of it was taken back by a bank or refunded. */
  wentBack: boolean;
  gateway: OnlineGateway;
}

/** Our payments at this gateway from `from` until before `to`. */
export async function paymentsBetween(
  db: Kysely<Database>,
  { gateway, from, to }: { gateway: OnlineGateway; from: Date; to: Date },
): Promise<OurPayment[]> {
  const { rows } = await sql<OurPayment>`
    select id as attempt_id, order_id, transaction_id, received_rupiah, gateway,
           state in ('reversed', 'charged_back') or returned_rupiah >= received_rupiah as went_back
    from payment_attempts
    where gateway = ${gateway} and received_rupiah is not null and paid_at >= ${from} and paid_at < ${to}
    order by paid_at, id`.execute(db);
  return rows;
}

/**
 * Of these ids in a gateway's list, those of another system that uses the same account: without our prefix, and not in
 * our table.
 */
export async function foreignIds(
  db: Kysely<Database>,
  ids: readonly string[],
  prefix: string,
): Promise<ReadonlySet<string>> {
  const others = ids.filter((id) => !hasOurPrefix(id, prefix));
  if (others.length === 0) return new Set();
  const { rows } = await sql<{ id: string }>`
    select id from payment_attempts where id = any(${others}::text[])`.execute(db);
  const ours = new Set(rows.map(({ id }) => id));
  return new Set(others.filter((id) => !ours.has(id)));
}

export interface SettlementReport {
  gateway: OnlineGateway;
  /** YYYY-MM-DD, in Western Indonesia Time. */
  day: string;
  oursRupiah: number;
  theirsRupiah: number;
  payments: number;
  differences: readonly Difference[];
}

/** Saves the report of a day, and replaces an earlier report of that day. */
export async function saveSettlementReport(db: Kysely<Database>, report: SettlementReport): Promise<void> {
  const { gateway, day, oursRupiah, theirsRupiah, payments, differences } = report;
  await sql`
    insert into settlement_reports (gateway, day, ours_rupiah, theirs_rupiah, payments, differences)
    values (${gateway}, ${day}, ${oursRupiah}, ${theirsRupiah}, ${payments}, ${JSON.stringify(differences)}::jsonb)
    on conflict (gateway, day) do update
      set ours_rupiah = excluded.ours_rupiah, theirs_rupiah = excluded.theirs_rupiah, payments = excluded.payments,
          differences = excluded.differences, made_at = now()`.execute(db);
}

/** The combinations of these gateways and days that have no report, or one with payments that were not answered. */
export async function missingReports(
  db: Kysely<Database>,
  gateways: readonly OnlineGateway[],
  days: readonly string[],
): Promise<{ gateway: OnlineGateway; day: string }[]> {
  const { rows } = await sql<{ gateway: OnlineGateway; day: string }>`
    select g.gateway, d.day from unnest(${gateways}::text[]) as g (gateway) cross join unnest(${days}::text[]) as d (day)
    where not exists (select from settlement_reports r where r.gateway = g.gateway and r.day = d.day::date
                      and not r.differences @> '[{"kind": "not_answered"}]')
    order by d.day, g.gateway`.execute(db);
  return rows;
}

export async function settlementReportOf(
  db: Kysely<Database>,
  gateway: OnlineGateway,
  day: string,
): Promise<SettlementReport | undefined> {
  const { rows } = await sql<SettlementReport>`
    select gateway, to_char(day, 'YYYY-MM-DD') as day, ours_rupiah, theirs_rupiah, payments, differences
    from settlement_reports where gateway = ${gateway} and day = ${day}::date`.execute(db);
  return rows[0];
}
