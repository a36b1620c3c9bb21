import type { Fault } from './gateways.ts';

/** The acts of the model. */
const ACTS = [
  'job', // a worker takes a waiting job
  'resume', // a parked job goes on
  'kill', // the worker of a parked job crashes
  'land', // a request without an answer takes effect
  'work', // workers work and sweep for a while
  'tick', // time passes, and no worker works
  'sweep',
  'pay', // a customer pays by any link or transfer account shown so far
  'switch', // a customer asks for another payment method
  'cancel',
  'place', // a second order, perhaps for the last unit
  'proof', // a customer attaches a proof of transfer
  'confirm', // an operator finds a transfer on the statement
  'reject', // an operator finds none
  'webhook', // a webhook is delivered
  'repeat', // a webhook is delivered, and will be again
  'drop', // a webhook is lost
  'forge', // a forged webhook says that an unpaid attempt is paid
  'reverse', // a bank takes a payment back
  'old', // a customer pays by an outdated link or account
  'stall', // a worker is paused for longer than its lease, and others take over
  'refund', // an operator requests a refund
  'manualRefund', // an operator records a manual refund
  'outside', // an operator refunds on the gateway's own pages
  'chargeback',
  'win', // the shop wins a dispute
  'void',
  'release',
  'ship',
  'trouble', // a gateway does not answer, or refuses our key, for a while
  'days', // days pass
  'resolve', // an operator closes a payment exception
  'alter', // a delivered webhook comes again, several times, with other unsigned fields
] as const;
export type Act = (typeof ACTS)[number];

export interface Step {
  act: Act;
  /** Selects one of several, or a variant. */
  pick: number;
  /** What a customer does on a gateway's page, and other variants. */
  choice: number;
  /** The faults of the requests to gateways in this step, in order; further requests have none. */
  faults: readonly Fault[];
  /** The worker crashes at this statement, message or publication of the step; 0 for never. */
  crashAt: number;
  /** The worker is paused there, outside a transaction, until other acts have run; 0 for never. */
  parkAt: number;
}

export interface Schedule {
  method: 'online' | 'bank_transfer';
  /** How the first order is paid before the steps begin, without faults; null for unpaid. */
  paidBy: number | null;
  /** With 1, another order may take an expired order's unit before it is paid. */
  onHand: number;
  steps: readonly Step[];
  /** The fee that Midtrans charges customers on top of the order's total. */
  customerFeeRupiah: number;
  /** The faults of refund requests, over the whole schedule. */
  refundFaults: readonly Fault[];
  /** How long banks take for refunds; 0 is a minute. */
  refundTakesHours: number;
  /** Whether an operator pays out manual refunds in the end. */
  isPaidOut: boolean;
}

/** Counts over all runs of a lane. */
export interface ModelCounts {
  runs: number;
  jobs: number;
  crashes: number;
  faults: number;
  parked: number;
  payments: number;
  exceptions: number;
}

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;

/** The element that `pick` selects from a list of any length. */
export const picked = <T>(from: readonly T[], pick: number): T | undefined =>
  from[pick % Math.max(from.length, 1)];
