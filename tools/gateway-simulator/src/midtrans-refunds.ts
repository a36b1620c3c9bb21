import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { done, type Outcome, refused } from './controls.ts';
import type { MidtransAccount } from './midtrans-account.ts';
import type { MessageName } from './midtrans-messages.ts';
import { methodOf } from './midtrans-methods.ts';
import { refundedRupiah, type Transaction, type TransactionRefund } from './midtrans-transactions.ts';
import type { Shared } from './shared.ts';
import { decimals, wib } from './wire.ts';

const DAY_MS = 86_400_000;
const KEY_DAYS = 7;

export const refundBody = z
  .object({
    refund_key: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,50}$/)
      .optional(),
    amount: z.number().int().positive().optional(),
    reason: z.string().max(255).default(''),
  })
  .nullable()
  .transform((body) => body ?? { refund_key: undefined, amount: undefined, reason: '' });

/** https://docs.midtrans.com/reference/direct-refund-transaction (2026): 23:55 to 06:00. */
function isNight(at: Date): boolean {
  const time = wib(at).slice(11);
  return time >= '23:55' || time < '06:00';
}

/** The codes of Core's body: https://docs.midtrans.com/reference/refund-transaction */
export type RefundAnswer =
  | { kind: 'answer'; body: Record<string, unknown> }
  | { kind: 'refused'; code: '202' | '406' | '412' | '414'; message: MessageName };

/** Refunds a transaction in `settlement` or `partial_refund`, if its method allows it. */
export function refund(
  shared: Shared,
  account: MidtransAccount,
  t: Transaction,
  asked: z.output<typeof refundBody>,
  message: string,
): RefundAnswer {
  const { switches, refundOutcomes } = shared;
  const now = Date.now();
  const left = t.amountRupiah - refundedRupiah(t);
  const earlier = t.refunds.find(({ key }) => key === asked.refund_key);
  if (earlier) {
    const isSame = asked.amount === undefined || asked.amount === earlier.amountRupiah;
    const isRecent = now - earlier.createdAt.getTime() < KEY_DAYS * DAY_MS;
    return isSame && isRecent && switches.midtransRefundKey === 'replay'
      ? { kind: 'answer', body: earlier.answer }
      : { kind: 'refused', code: '406', message: 'refundDuplicate' };
  }
  const method = methodOf(t.method);
  const amount = asked.amount ?? left;
  const isPart = amount < t.amountRupiah;
  if (
    (t.state !== 'settlement' && t.state !== 'partial_refund') ||
    method.refund === 'none' ||
    (t.method === 'shopeepay' && switches.midtransShopeepayHours && isNight(new Date(now))) ||
    (isPart && method.refund === 'full') ||
    now - (t.settledAt?.getTime() ?? now) > method.refundDays * DAY_MS
  )
    return { kind: 'refused', code: '412', message: 'cannotModify' };
  if (amount > left) return { kind: 'refused', code: '414', message: 'refundTooMuch' };

  const { outcome } = refundOutcomes.take('midtrans');
  if (outcome === 'refuse') return { kind: 'refused', code: '202', message: 'refundDenied' };
  if (outcome === 'fail') return { kind: 'refused', code: '414', message: 'refundTooMuch' };

  const made: TransactionRefund = {
    id: account.nextRefundId(),
    key: asked.refund_key ?? randomUUID(),
    amountRupiah: amount,
    reason: asked.reason,
    createdAt: new Date(now),
    answer: {},
  };
  t.refunds.push(made);
  account.change(t, amount === left ? 'refund' : 'partial_refund');
  const { refunds: _, ...described } = account.describe(t, { statusCode: '200', message });
  made.answer = {
    ...described,
    refund_chargeback_id: made.id,
    refund_amount: decimals(amount),
    refund_key: made.key,
  };
  if (outcome === 'succeed') shared.later(switches.refundDelayMs, () => confirm(account, t, made));
  return { kind: 'answer', body: made.answer };
}

/** The bank has sent the refund: the second notification goes out, and the ledger gets the money. */
function confirm(account: MidtransAccount, t: Transaction, r: TransactionRefund): void {
  if (r.bankConfirmedAt) return;
  r.bankConfirmedAt = new Date();
  account.bookBack(t, 'refund', r.key, r.amountRupiah);
  account.tell(t);
}

/** Midtrans has no state for a refund that fails after it was accepted. */
export function decideMidtransRefunds(
  account: MidtransAccount,
  orderId: string,
  outcome: 'succeed' | 'fail',
): Outcome {
  if (outcome === 'fail') return refused('an accepted refund of Midtrans cannot fail');
  const t = account.transactions.find(orderId);
  const open = t?.refunds.filter(({ bankConfirmedAt }) => bankConfirmedAt === undefined) ?? [];
  if (!t || open.length === 0) return refused('this orderId has no open refund');
  for (const r of open) confirm(account, t, r);
  return done;
}
