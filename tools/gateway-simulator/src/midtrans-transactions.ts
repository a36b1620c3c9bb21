import { randomInt, randomUUID } from 'node:crypto';
import type { MidtransMethodName } from './midtrans-methods.ts';

export type TransactionState =
  | 'pending'
  | 'authorize'
  | 'capture'
  | 'settlement'
  | 'deny'
  | 'cancel'
  | 'expire'
  | 'refund'
  | 'partial_refund'
  | 'chargeback'
  | 'partial_chargeback';

/**
 * The next states of each state. https://docs.midtrans.com/docs/transaction-status-cycle. From `cancel` and `expire` a late
 * payment leads on, which only the control API makes.
 */
export const moves: Readonly<Record<TransactionState, readonly TransactionState[]>> = {
  pending: ['authorize', 'capture', 'settlement', 'deny', 'cancel', 'expire'],
  authorize: ['capture', 'deny', 'cancel', 'expire'],
  // deny: the merchant refuses a challenged card.
  capture: ['settlement', 'deny', 'cancel', 'chargeback', 'partial_chargeback'],
  // deny: some banks and counters reverse a payment within minutes.
  settlement: ['refund', 'partial_refund', 'chargeback', 'partial_chargeback', 'deny'],
  partial_refund: ['partial_refund', 'refund', 'chargeback', 'partial_chargeback'],
  partial_chargeback: ['partial_chargeback', 'chargeback'],
  cancel: ['settlement'],
  expire: ['settlement'],
  deny: [],
  refund: [],
  chargeback: [],
};

/** States in which the merchant has the customer's money, in full or in part. */
export const paidStates: ReadonlySet<TransactionState> = new Set([
  'capture',
  'settlement',
  'partial_refund',
  'partial_chargeback',
]);

export interface TransactionRefund {
  id: number;
  key: string;
  amountRupiah: number;
  reason: string;
  createdAt: Date;
  /** Set by the second notification. */
  bankConfirmedAt?: Date;
  /** The answer, replayed for a repeated key. */
  answer: Record<string, unknown>;
}

export interface Transaction {
  id: string;
  orderId: string;
  method: MidtransMethodName;
  state: TransactionState;
  /** For a card: the decision of the fraud check; `challenge` asks the merchant. */
  fraud: 'accept' | 'challenge' | 'deny';
  /** The amount of the page, and the account's fee for the customer on top of it. */
  originalRupiah: number;
  customerFeeRupiah: number;
  /** Their sum; a payment may have another amount. */
  amountRupiah: number;
  createdAt: Date;
  expiresAt: Date;
  paidAt?: Date;
  settledAt?: Date;
  refunds: TransactionRefund[];
  chargedBackRupiah: number;
  customFields: Record<string, string>;
  notifyUrls: readonly string[];
  /** Twelve digits: the VA number, bill key or payment code. */
  number: string;
  reference: string;
}

export const refundedRupiah = (t: Transaction): number =>
  t.refunds.reduce((total, { amountRupiah }) => total + amountRupiah, 0);

export const canMove = (t: Transaction, to: TransactionState): boolean => moves[t.state].includes(to);

/** Call `canMove` first: a move that the table does not have is a bug. */
export function move(t: Transaction, to: TransactionState): void {
  if (!canMove(t, to)) throw new Error(`A ${t.state} transaction cannot become ${to}.`);
  t.state = to;
}

export interface Transactions {
  open(
    o: Omit<Transaction, 'id' | 'state' | 'fraud' | 'refunds' | 'chargedBackRupiah' | 'number' | 'reference'>,
  ): Transaction;
  /** By order id, the latest transaction of the order; or by transaction id. */
  find(id: string): Transaction | undefined;
  /** The transactions that may still expire. */
  waiting(): Iterable<Transaction>;
  all(): Iterable<Transaction>;
}

export function createTransactions(): Transactions {
  const byId = new Map<string, Transaction>();
  const latestOf = new Map<string, Transaction>();
  const waiting = new Set<Transaction>();
  return {
    open(o) {
      const made: Transaction = {
        ...o,
        id: randomUUID(),
        state: 'pending',
        fraud: 'accept',
        refunds: [],
        chargedBackRupiah: 0,
        number: `${randomInt(10 ** 11, 10 ** 12)}`,
        reference: randomUUID(),
      };
      byId.set(made.id, made);
      latestOf.set(made.orderId, made);
      waiting.add(made);
      return made;
    },
    find: (id) => latestOf.get(id) ?? byId.get(id),
    *waiting() {
      for (const t of waiting) {
        if (t.state === 'pending' || t.state === 'authorize') yield t;
        else waiting.delete(t);
      }
    },
    all: () => byId.values(),
  };
}
