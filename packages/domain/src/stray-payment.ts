import type { PaymentExceptionKind } from './payment-exception.ts';

/** What is known of a stray payment: one that a gateway's account has, and that none of our attempts expects there. */
export type StrayPaymentState =
  | 'confirmed' // the gateway says that it is paid
  | 'unconfirmed' // an event claims it, and the gateway cannot be asked about it
  | 'went_back'; // it was refunded, reversed or charged back in full

/** Why no attempt expects it. `foreign`: it is of another system that uses the gateway's account. */
export type StrayPaymentKind = 'unknown_order' | 'wrong_gateway' | 'foreign';

interface StrayEvent {
  kind: StrayPaymentKind;
  claimsPaid: boolean;
  /** The gateway's answer about the payment that the event names. */
  answer: 'paid' | 'went_back' | 'not_paid' | 'cannot_be_asked';
}

/** What is stored about a stray payment, and the exception that counts it; null for neither. */
export interface StrayPaymentRecord {
  state: StrayPaymentState;
  exception: Extract<PaymentExceptionKind, 'unknown_order' | 'wrong_gateway' | 'unconfirmed_payment'> | null;
}

/**
 * Decides what an event about a stray payment is worth. A gateway's test button names a payment that the gateway does
 * not know: nothing is stored. `isStored`: an earlier event of this payment was.
 */
export function decideStrayPayment(
  { kind, claimsPaid, answer }: StrayEvent,
  isStored: boolean,
): StrayPaymentRecord | null {
  const counted = kind === 'foreign' ? null : kind;
  switch (answer) {
    case 'paid':
      return { state: 'confirmed', exception: counted };
    case 'went_back':
      return isStored ? { state: 'went_back', exception: null } : null;
    case 'not_paid':
      return null;
    case 'cannot_be_asked':
      if (!claimsPaid || isStored) return null;
      return { state: 'unconfirmed', exception: counted === null ? null : 'unconfirmed_payment' };
  }
  return answer satisfies never;
}
