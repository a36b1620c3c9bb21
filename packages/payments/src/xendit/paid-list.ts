import { z } from 'zod';
import { isAnswer } from '../calls.ts';
import type { ListedPayment } from '../gateway.ts';
import { type CallXendit, MAX_PAGES, PAGE } from './client.ts';
import { invoice, isPaid, receivedOf } from './invoices.ts';

/** The payments that Xendit lists from `from` until before `to`. */
export async function listPaid(
  call: CallXendit,
  { from, to }: { from: Date; to: Date },
): Promise<ListedPayment[] | { unknown: string }> {
  const listed: ListedPayment[] = [];
  let lastInvoice: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const after = lastInvoice;
    const answer = await call({ operation: 'list', attemptId: null, urgency: 'routine' }, ({ invoices }) =>
      invoices.getInvoices({
        statuses: ['PAID', 'SETTLED'],
        limit: PAGE,
        // The documentation does not say whether the limits are inclusive.
        paidAfter: new Date(from.getTime() - 1000),
        paidBefore: new Date(to.getTime() + 1000),
        ...(after === undefined ? {} : { lastInvoice: after }),
      }),
    );
    if (!isAnswer(answer)) return { unknown: answer.code };
    if (answer.httpStatus !== 200) return { unknown: `http_${answer.httpStatus}` };
    const found = z.array(invoice).safeParse(answer.body).data;
    if (!found) return { unknown: 'bad_answer' };
    for (const paid of found) {
      const received = receivedOf(paid);
      if (!isPaid(paid)) return { unknown: 'unknown_status' };
      // Rupiah amounts are whole. Payments of other currencies are not ours.
      if (!received && (paid.currency ?? 'IDR') !== 'IDR') continue;
      if (!received) return { unknown: 'bad_amount' };
      const { paidAt } = received;
      if (paidAt && (paidAt < from || paidAt >= to)) continue;
      listed.push({ attemptId: paid.external_id ?? paid.id, gatewayRef: paid.id, ...received });
    }
    // Reads until a page is empty, as Xendit may return fewer than requested.
    const last = found.at(-1)?.id;
    if (last === undefined) return listed;
    if (last === lastInvoice) return { unknown: 'bad_answer' };
    lastInvoice = last;
  }
  return { unknown: 'too_many' };
}
