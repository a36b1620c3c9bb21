import { methodOf } from '../gateways.ts';
import { orderStatusOf, type OrderView } from '../order-status.ts';
import { keepsFromPaying } from '../payment-exception.ts';
import type { AttemptRow, OrderAggregate } from './state.ts';

/** Stands for what no order command changes. */
const UNCHANGED = {
  ...{ reason: null, items: [], updatedAt: new Date(0), paymentMethod: 'online', offeredMethods: null },
  ...{ isPaymentRefused: false, shipment: null },
} as const satisfies Partial<OrderView>;

/** What the status shows of an order, as far as order commands change it. */
export function viewOf({ order, attempts, refunds, unresolved }: OrderAggregate): OrderView {
  const shown = attempts.filter(isShownAttempt);
  const payment =
    shown.find(({ outcome }) => outcome === 'paid') ??
    shown.findLast(({ state }) => state === 'active') ??
    shown.at(-1);
  return {
    ...UNCHANGED,
    ...{
      orderId: order.orderId,
      state: order.state,
      totalRupiah: order.totalRupiah,
      payBefore: order.payBefore,
    },
    payment: payment === undefined ? null : paymentOf(payment),
    isBeingChecked: unresolved.some(keepsFromPaying),
    receivedRupiah: receivedOf(attempts),
    refunds: refunds.filter(({ state }) => state !== 'refused'),
  };
}

/** The open payment, the one that paid, or a transfer of which a part came; `readOrders` selects the same. */
function isShownAttempt(attempt: AttemptRow): boolean {
  const { state, outcome, gateway, amountRupiah } = attempt;
  if (state !== 'paid') return state === 'active';
  if (outcome !== 'wrong_amount' || methodOf(gateway) !== 'bank_transfer') return outcome === 'paid';
  const keptRupiah = keptOf(attempt);
  return keptRupiah > 0 && keptRupiah < amountRupiah;
}

const keptOf = ({ receivedRupiah, returnedRupiah }: AttemptRow): number =>
  (receivedRupiah ?? 0) - returnedRupiah;

function receivedOf(attempts: readonly AttemptRow[]): number | null {
  const left = attempts.flatMap(({ receivedRupiah, takenBackRupiah }) =>
    receivedRupiah === null ? [] : [receivedRupiah - takenBackRupiah],
  );
  return left.length === 0 ? null : left.reduce((sum, rupiah) => sum + rupiah, 0);
}

function paymentOf(attempt: AttemptRow): OrderView['payment'] & object {
  const { id: attemptId, gateway, outcome, amountRupiah: amount } = attempt;
  const account = { bank: '', accountNumber: '', accountHolder: '', hasProof: false };
  const transfer =
    methodOf(gateway) === 'bank_transfer' ? { ...account, amount, keptRupiah: keptOf(attempt) } : null;
  const isPaid = outcome === 'paid';
  return { attemptId, isPaid, gateway, url: null, expiresAt: '1970-01-01T00:00:00Z', transfer };
}

export const isShownAlike = (one: OrderView, other: OrderView): boolean =>
  JSON.stringify(orderStatusOf(one)) === JSON.stringify(orderStatusOf(other));
