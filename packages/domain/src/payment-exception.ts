import type { Lifecycle } from './lifecycle.ts';
import type { PaymentOutcome } from './payment-attempt.ts';

/** What a payment exception is about: money or an order that a person, or a refund, has to put right. */
export type PaymentExceptionKind =
  | Exclude<PaymentOutcome, 'paid'>
  | 'unconfirmed_payment' // announced, and the gateway does not confirm it
  | 'unknown_order' // paid, and it is not known for what
  | 'wrong_gateway' // announced by a gateway that was not asked
  | 'reversal' // undone by the bank after the order went to fulfilment
  | 'chargeback'
  | 'partial_chargeback' // of which no gateway says how much
  | 'paid_back_twice' // by our refund, and by the payer's bank
  | 'operator_refund' // an admin asked for it
  | 'external_refund'; // a refund that was not made by us

/** Exceptions whose money goes back by itself: the shop has no claim to it. */
export const REFUNDED_BY_ITSELF: readonly PaymentExceptionKind[] = [
  'second_payment',
  'paid_too_late',
  'paid_after_cancel',
];

export const PAYMENT_EXCEPTION_STATES = [
  'open', // it waits for a person
  'refunding', // a refund of its money is under way
  'manual_payout', // a refund of its money is to be paid out by a person
  'resolved',
] as const;

export type PaymentExceptionState = (typeof PAYMENT_EXCEPTION_STATES)[number];

/** Several refunds may belong to one exception, so that until it is resolved each state leads to every other. */
export const PAYMENT_EXCEPTION_LIFECYCLE = {
  open: { next: ['refunding', 'manual_payout', 'resolved'], movedBy: 'admin' },
  refunding: { next: ['open', 'manual_payout', 'resolved'], movedBy: 'send-refund' },
  manual_payout: { next: ['open', 'refunding', 'resolved'], movedBy: 'admin' },
  resolved: { next: [], movedBy: null },
} as const satisfies Lifecycle<PaymentExceptionState>;
