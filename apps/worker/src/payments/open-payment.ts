import type { PaymentAttempt, StoredOrder } from '@antrean/db';
import type { OrderMove } from '@antrean/domain';

/** The delay of a retry while another job's call may be in progress, or a gateway's rate limit is used up. */
export const RETRY_SOON_MS = 3_000;

/** A reserved order without an open payment. */
export type OrderToPay = StoredOrder & { payBefore: Date; totalRupiah: number };

/** The order's move to `awaiting_payment` with this open payment; it is due at the payment's deadline. */
export function awaitPayment({ id, orderId, expiresAt }: PaymentAttempt, version: number): OrderMove {
  const reason = `open payment ${id} given to the customer`;
  const move = { from: 'reserved', to: 'awaiting_payment', actor: 'worker' } as const;
  return { ...move, orderId, version, reason, dueAt: expiresAt };
}

/** The attempts of an order are numbered from 1. */
export function nextNumber(attempts: readonly PaymentAttempt[]): number {
  return 1 + Math.max(0, ...attempts.map(({ number }) => number));
}
