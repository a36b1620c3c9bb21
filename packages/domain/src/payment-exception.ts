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

/**
 * Whether an exception of this kind names money that came, or was announced, for an order that is not paid by it. While
 * one is open its order gets no other payment: the customer may have paid already.
 */
const NAMES_INCOMING_MONEY = {
  unconfirmed_payment: true,
  wrong_amount: true,
  wrong_gateway: true,
  late_transfer: true,
  second_payment: true,
  paid_too_late: true,
  paid_after_cancel: true,
  // Of no order of ours.
  unknown_order: false,
  // Money that left.
  reversal: false,
  chargeback: false,
  partial_chargeback: false,
  paid_back_twice: false,
  operator_refund: false,
  external_refund: false,
} as const satisfies Record<PaymentExceptionKind, boolean>;

/** The kinds of open exceptions that keep an order from getting another payment. */
export const KINDS_OF_INCOMING_MONEY = (Object.keys(NAMES_INCOMING_MONEY) as PaymentExceptionKind[]).filter(
  (kind) => NAMES_INCOMING_MONEY[kind],
);

/** Whether the order of this exception gets no other payment until a person or a refund has dealt with its money. */
export function keepsFromPaying({
  kind,
  state,
}: {
  readonly kind: PaymentExceptionKind;
  readonly state: PaymentExceptionState;
}): boolean {
  return state === 'open' && NAMES_INCOMING_MONEY[kind];
}

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
