import {
  auditMoney as audit,
  MONEY_DIFFERENCES_LIMIT,
  foreignIds,
  type MoneyDifference,
  paymentsBetween,
  type SettlementReport,
  settlementReportOf,
} from '@antrean/db';
import { compareSettlement, type Difference, ONLINE_GATEWAYS, wibDay, wibDayBounds } from '@antrean/domain';
import { GATEWAYS } from '@antrean/payments';
import { z } from 'zod';
import type { BackofficeContext } from './context.ts';

export const moneyAuditInput = z.object({
  orderId: z.uuid().optional(),
  /** The last order of the page before. */
  after: z.uuid().optional(),
});

export interface MoneyAudit {
  /** `differs`: an order's amounts do not add up, or the ledger does not sum to zero. */
  kind: 'balanced' | 'differs';
  differences: MoneyDifference[];
  sumRupiah: number;
  /** The order after which more differences may follow. */
  next?: string;
}

/** Compares the money ledger with payments and refunds, of one order or of all. */
export async function auditMoney(
  { db }: BackofficeContext,
  { orderId, after }: z.output<typeof moneyAuditInput>,
): Promise<MoneyAudit> {
  const found = await audit(db, {
    ...(orderId === undefined ? {} : { orderId }),
    ...(after === undefined ? {} : { after }),
  });
  const { differences, sumRupiah } = found;
  const isBalanced = differences.length === 0 && sumRupiah === 0;
  const next = differences.length < MONEY_DIFFERENCES_LIMIT ? undefined : differences.at(-1)?.orderId;
  return { kind: isBalanced ? 'balanced' : 'differs', ...found, ...(next === undefined ? {} : { next }) };
}

export const settlementInput = z.object({
  gateway: z.enum(ONLINE_GATEWAYS),
  /** In Western Indonesia Time; the default is yesterday. */
  day: z.iso.date().optional(),
});

export type SettlementAnswer =
  | { kind: 'report'; report: SettlementReport }
  | { kind: 'no_report'; gateway: string; day: string };

/** The settlement report of a day: our payments beside the gateway's. */
export async function readSettlementReport(
  context: BackofficeContext,
  { gateway, day = yesterday(context) }: z.output<typeof settlementInput>,
): Promise<SettlementAnswer> {
  const report = await settlementReportOf(context.db, gateway, day);
  return report === undefined ? { kind: 'no_report', gateway, day } : { kind: 'report', report };
}

export type ComparedExport =
  | { kind: 'same' | 'differs'; payments: number; differences: Difference[] }
  /** The exports of this gateway cannot be read. */
  | { kind: 'no_export' }
  | { kind: 'no_column'; column: string }
  /** These rows cannot be read exactly, and nothing was compared. */
  | { kind: 'unreadable'; rows: readonly { row: number; why: string }[] };

/** Compares our payments of a day with the gateway's export, as CSV. */
export async function compareSettlementExport(
  context: BackofficeContext,
  { gateway, day = yesterday(context) }: z.output<typeof settlementInput>,
  csv: string,
): Promise<ComparedExport> {
  const { readExport } = GATEWAYS[gateway];
  if (readExport === undefined) return { kind: 'no_export' };
  const exported = readExport(csv);
  if ('missingColumn' in exported) return { kind: 'no_column', column: exported.missingColumn };
  if ('unreadable' in exported) return { kind: 'unreadable', rows: exported.unreadable };
  const ours = await paymentsBetween(context.db, { gateway, ...wibDayBounds(day) });
  const foreign = await foreignIds(
    context.db,
    exported.map(({ attemptId }) => attemptId),
    context.gatewayIdPrefix,
  );
  const differences = compareSettlement(
    ours.map(({ receivedRupiah: amountRupiah, ...payment }) => ({ ...payment, amountRupiah })),
    exported.filter(({ attemptId }) => !foreign.has(attemptId)),
  );
  return { kind: differences.length === 0 ? 'same' : 'differs', payments: ours.length, differences };
}

const yesterday = ({ now }: BackofficeContext): string => wibDay(new Date(now().getTime() - 24 * 3_600_000));
