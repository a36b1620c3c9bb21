import type { Fault } from './gateways.ts';

/** What may happen next. */
const ACTS = [
  'job', // a worker takes a job that waits
  'resume', // a job that stands still goes on
  'kill', // the worker of a job that stands still dies
  'land', // a request that was given up takes effect after all
  'work', // workers work and sweep for a while
  'tick', // time passes, and no worker works
  'sweep',
  'pay', // a customer pays by a link or to an account that he has seen, also an old one
  'switch', // a customer asks for another way to pay
  'cancel',
  'place', // another order, for what may be the last piece
  'proof', // a customer attaches a proof of transfer
  'confirm', // an admin finds a transfer on the statement
  'reject', // an admin finds none
  'webhook', // one is delivered
  'repeat', // one is delivered that will be delivered again
  'drop', // one is lost
  'forge', // one that says paid, of what is not
  'reverse', // a bank takes a payment back
  'old', // a customer pays by what was not the last that he has seen
  'stall', // a worker stands still for longer than its lease, and others take over
  'refund', // an admin asks for money to go back
  'payout', // an admin has paid out by hand
  'outside', // somebody refunds on the gateway's own pages
  'chargeback',
  'win', // the shop wins a dispute
  'void',
  'release',
  'ship',
] as const;
export type Act = (typeof ACTS)[number];

export interface Step {
  act: Act;
  /** Which of several, or how. */
  pick: number;
  /** Of the requests to gateways that this step makes, in their order; then they all get through. */
  faults: readonly Fault[];
  /** The worker dies at this statement, message or publication of the step; 0 for never. */
  crashAt: number;
  /** Or stops there, outside a transaction, until other things have happened. */
  parkAt: number;
}

export interface Schedule {
  method: 'online' | 'bank_transfer';
  /** How the first order is paid before the steps begin, while all is well; null for not. */
  paidBy: number | null;
  /** With 1, an expired order's piece may be another's by the time it is paid. */
  onHand: number;
  steps: readonly Step[];
  /** Of the requests to send money back, whenever they come. */
  refundFaults: readonly Fault[];
  /** How long banks take for them; a minute for 0. */
  refundTakesHours: number;
  /** Whether an admin pays out in the end what waits for it. */
  isPaidOut: boolean;
}

/** What was done to the system, over all runs of a lane. */
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

/** The one that `pick` says, of however many there are. */
export const picked = <T>(from: readonly T[], pick: number): T | undefined =>
  from[pick % Math.max(from.length, 1)];
