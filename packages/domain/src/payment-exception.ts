import type { Lifecycle } from './lifecycle.ts';
import type { PaymentOutcome } from './payment-attempt.ts';

/** The cause of a payment exception: money or an order that a person or a refund has to resolve. */
export type PaymentExceptionKind =
  | Exclude<PaymentOutcome, 'paid'>
  | 'unconfirmed_payment' // claimed by a webhook event, but not confirmed by the gateway
  | 'unknown_order' // a payment of an unknown order
  | 'wrong_gateway' // claimed by a gateway that the attempt did not use
  | 'reversal' // reversed by the bank after the order went to fulfilment
  | 'chargeback'
  | 'partial_chargeback' // gateways report no amount
  | 'paid_back_twice' // by our refund and by the payer's bank
  | 'operator_refund' // a refund requested by an operator
  | 'external_refund'; // a refund made outside this system

/** Exceptions whose money is refunded automatically, as the shop has no claim to it. */
export const REFUNDED_AUTOMATICALLY: readonly PaymentExceptionKind[] = [
  'second_payment',
  'paid_too_late',
  'paid_after_cancel',
];

export const PAYMENT_EXCEPTION_STATES = [
  'open', // a person has to resolve it
  'refunding', // a refund of its money is in progress
  'manual_refund', // a person has to pay out a refund of its money
  'resolved',
] as const;

export type PaymentExceptionState = (typeof PAYMENT_EXCEPTION_STATES)[number];

/** Several refunds may belong to one exception. So until it is resolved, each state leads to every other. */
export const PAYMENT_EXCEPTION_LIFECYCLE = {
  open: { next: ['refunding', 'manual_refund', 'resolved'], movedBy: 'admin' },
  refunding: { next: ['open', 'manual_refund', 'resolved'], movedBy: 'send-refund' },
  manual_refund: { next: ['open', 'refunding', 'resolved'], movedBy: 'admin' },
  resolved: { next: [], movedBy: null },
} as const satisfies Lifecycle<PaymentExceptionState>;
