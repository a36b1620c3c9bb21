import type { PaymentAttempt, StoredOrder } from '@antrean/db';
import type { OrderMove } from '@antrean/domain';

/** While another job's call may be under way, or a gateway's rate limit is used up. */
export const LOOK_AGAIN_MS = 3_000;

/** A reserved order that a payment is opened for. */
export type OrderToPay = StoredOrder & { payBefore: Date; totalRupiah: number };

/** The move of an order whose payment is open from now on; it is due at its deadline. */
export function awaitPayment({ id, orderId, expiresAt }: PaymentAttempt, version: number): OrderMove {
  const reason = `${id} handed out`;
  const move = { from: 'reserved', to: 'awaiting_payment', actor: 'worker' } as const;
  return { ...move, orderId, version, reason, dueAt: expiresAt };
}

/** Attempts of an order are numbered from 1. */
export function nextNumber(attempts: readonly PaymentAttempt[]): number {
  return 1 + Math.max(0, ...attempts.map(({ number }) => number));
}
