import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { isAnswer } from '../calls.ts';
import type { ListedPayment } from '../gateway.ts';
import { type CallXendit, failureCode, PAGE } from './client.ts';
import { invoice, isPaid, receivedOf } from './invoices.ts';

/** A million invoices, so that a list that never ends does. */
const MOST_PAGES = 10_000;
/** A page that fails is asked for again, this often: the pages before it are kept. */
const TRIES = 5;
/** The rate limiter has waited already. */
const TRIES_FOR_A_PERMIT = 100;

const listedInvoice = z.looseObject({ id: z.string().min(1), external_id: z.string().catch('') });

export interface PaidRange {
  from: Date;
  to: Date;
  /** The pause before a page is asked for again. */
  againAfterMs: number;
}

/**
 * The payments that Xendit lists from `from` until before `to`. One whose amount or state cannot be read counts as Rp 0, so
 * that it is a difference in the report, and the others are in it too.
 */
export async function listPaid(
  call: CallXendit,
  range: PaidRange,
): Promise<ListedPayment[] | { unknown: string }> {
  const listed: ListedPayment[] = [];
  let lastInvoice: string | undefined;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const found = await readPage(call, range, lastInvoice);
    if (!Array.isArray(found)) return found;
    listed.push(...found.flatMap((one) => paymentIn(one, range)));
    // Reads until a page is empty, as Xendit may return fewer than requested.
    const last = found.at(-1)?.id;
    if (last === undefined) return listed;
    if (last === lastInvoice) return { unknown: 'bad_answer' };
    lastInvoice = last;
  }
  return { unknown: 'too_many' };
}

async function readPage(
  call: CallXendit,
  { from, to, againAfterMs }: PaidRange,
  lastInvoice: string | undefined,
): Promise<z.infer<typeof listedInvoice>[] | { unknown: string }> {
  let tries = 0;
  for (let calls = 1; ; calls += 1) {
    const answer = await call({ operation: 'list', attemptId: null, urgency: 'routine' }, ({ invoices }) =>
      invoices.getInvoices({
        statuses: ['PAID', 'SETTLED'],
        limit: PAGE,
        // The documentation does not say whether the limits are inclusive.
        paidAfter: new Date(from.getTime() - 1000),
        paidBefore: new Date(to.getTime() + 1000),
        ...(lastInvoice === undefined ? {} : { lastInvoice }),
      }),
    );
    const found =
      isAnswer(answer) && answer.httpStatus === 200
        ? z.array(listedInvoice).safeParse(answer.body).data
        : undefined;
    if (found !== undefined) return found;
    const status = isAnswer(answer) ? answer.httpStatus : null;
    const unknown = !isAnswer(answer) ? answer.code : status === 200 ? 'bad_answer' : failureCode(answer);
    if (unknown === 'rate_limited' && calls < TRIES_FOR_A_PERMIT) continue;
    tries += 1;
    // A refusal by Xendit itself will not change within seconds.
    if (tries === TRIES || (status !== null && status >= 400 && status < 500 && status !== 429))
      return { unknown };
    await sleep(againAfterMs);
  }
}

function paymentIn(listed: z.infer<typeof listedInvoice>, { from, to }: PaidRange): ListedPayment[] {
  const paid = invoice.safeParse(listed).data;
  // Payments of other currencies are not ours.
  if ((paid?.currency ?? 'IDR') !== 'IDR') return [];
  const received = paid !== undefined && isPaid(paid) ? receivedOf(paid) : null;
  const ids = {
    attemptId: listed.external_id === '' ? listed.id : listed.external_id,
    gatewayRef: listed.id,
  };
  if (received === null) return [{ ...ids, amountRupiah: 0, currency: 'IDR', transactionId: listed.id }];
  const { paidAt } = received;
  return paidAt && (paidAt < from || paidAt >= to) ? [] : [{ ...ids, ...received }];
}
