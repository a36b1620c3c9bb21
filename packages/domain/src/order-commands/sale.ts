import { mayMove } from '../order-lifecycle.ts';
import type { Draft, Why } from './draft.ts';
import { type AttemptRow, refundedOf, refundInFullRupiah, surplusOf } from './state.ts';

/** Reverses the order's booked sale up to this amount: the price first, then what was paid above it. */
function undoSale(draft: Draft, attempt: AttemptRow, rupiah: number, reference: string, actor: string): void {
  const { saleRupiah, codeRupiah, customerFeeRupiah } = draft.aggregate.sold;
  const ofSale = Math.min(rupiah, saleRupiah);
  const ofCode = Math.min(rupiah - ofSale, codeRupiah);
  draft.book('sale_undone', ofSale, { attempt, reference, actor });
  const ofFee = Math.min(rupiah - ofSale - ofCode, customerFeeRupiah);
  draft.book('transfer_code_undone', ofCode, { attempt, reference, actor });
  draft.book('customer_fee_undone', ofFee, { attempt, reference, actor });
}

/**
 * A part or all of the order's price was refunded: reduces the booked sale, and ends an order that is refunded in
 * full as `refunded`. Returns whether the order ended.
 */
export function reduceSale(
  draft: Draft,
  attempt: AttemptRow,
  refund: { id: string; amountRupiah: number },
  why: Why,
): boolean {
  if (attempt.outcome !== 'paid') return false;
  // What came beyond the sale goes back first.
  const ofSale = Math.max(refundedOf(draft.aggregate, attempt.id) - surplusOf(attempt), 0);
  undoSale(draft, attempt, Math.min(refund.amountRupiah, ofSale), refund.id, why.actor);
  const now = draft.attempt(attempt.id);
  if (now.state !== 'paid' || refundedOf(draft.aggregate, attempt.id) < refundInFullRupiah(now)) return false;
  if (draft.order.state === 'paid') draft.moveOrder('payment_hold', why);
  const { state } = draft.order;
  if (!mayMove(state, 'refunded')) return false;
  draft.moveOrder('refunded', why);
  if (state === 'payment_hold') draft.moveStock('revoke', why);
  return true;
}

/**
 * Cancels a held order whose payment was taken back before it was shipped, and reverses the rest of its booked sale.
 */
export function cancelUnshipped(draft: Draft, attempt: AttemptRow, why: Why): void {
  undoSale(draft, attempt, Infinity, `${attempt.id}/end`, why.actor);
  draft.moveOrder('cancelled', why);
  draft.moveStock('revoke', why);
}
