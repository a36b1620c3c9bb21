import {
  attemptsOfOrders,
  type Database,
  type Kysely,
  type PaymentAttempt,
  readOrders,
  type StoredOrder,
} from '@antrean/db';
import { sql } from '@antrean/testing';
import {
  type Condition,
  type Fault,
  type GatewayName,
  type LedgerPayment,
  type LedgerRefund,
  type SimulatedGateway,
  returnedOf,
  type Surroundings,
  type Webhook,
} from './gateways.ts';
import { MINUTE, type ModelCounts, SECOND } from './schedule.ts';
import { BY_TRANSACTION_ID, createSnap } from './snap.ts';
import { type SeenPayment, Workers } from './workers.ts';
import { createXendit } from './xendit.ts';

export const PRICE_RUPIAH = 50_000;

/** A line on the bank statement. */
export interface Transfer {
  attemptId: string;
  reference: string;
  amountRupiah: number;
  isConfirmed: boolean;
}

/** The state of one run: clock, gateways, workers, payments shown to customers, pending webhooks and requests. */
export class World {
  nowMs: number;
  readonly db: Kysely<Database>;
  readonly counts: ModelCounts;
  readonly trace: string[] = [];
  readonly gateways: readonly SimulatedGateway[];
  readonly workers: Workers;

  readonly orderIds: string[] = [];
  /** Requests without an answer that take effect later. */
  readonly late: (() => void)[] = [];
  /** Webhooks to deliver. */
  readonly webhooks: Webhook[] = [];
  /** The open payments shown to customers so far, by link or attempt. */
  readonly known = new Map<
    string,
    { attemptId: string; orderId: string; gateway: string; amountRupiah: number }
  >();
  readonly transfers: Transfer[] = [];
  readonly delivered: Webhook[] = [];
  /** The transactions that a delivered webhook has named. */
  readonly told = new Set<string>();
  /** The gateways in trouble, and until when. */
  readonly troubles = new Map<GatewayName, { condition: Condition; untilMs: number }>();

  /** The orders in PostgreSQL, in the order in which they were placed. */
  orders: StoredOrder[] = [];
  attempts: PaymentAttempt[] = [];
  /** How long workers have worked, and how long of that without faults. */
  workedMs = 0;
  healthyMs = 0;
  /** The fate of the next refund at the bank. */
  nextRefund: LedgerRefund['state'] = 'going';
  /** The counts at the last read of PostgreSQL. */
  #observed = '';
  #serial = 0;

  constructor(
    db: Kysely<Database>,
    counts: ModelCounts,
    {
      startMs,
      refundFaults,
      refundTakesMs,
      customerFeeRupiah,
    }: {
      startMs: number;
      refundFaults: readonly Fault[];
      refundTakesMs: number;
      customerFeeRupiah: number;
    },
  ) {
    this.db = db;
    this.counts = counts;
    this.nowMs = startMs;
    const surroundings: Surroundings = {
      nowMs: () => this.nowMs,
      conditionOf: (gateway) => this.conditionOf(gateway),
      customerFeeRupiah,
      nextFault: (operation) => this.workers.nextFault(operation),
      park: () => this.workers.park(),
      crash: (): never => this.workers.crash(),
      later: (effect) => void this.late.push(effect),
      webhook: (webhook) => void this.webhooks.push(webhook),
      nextRefund: () => ({ state: this.nextRefund, takesMs: Math.max(refundTakesMs, MINUTE) }),
    };
    this.gateways = [createSnap(surroundings), createXendit(surroundings)];
    this.workers = new Workers(this, refundFaults);
  }

  conditionOf(gateway: GatewayName): Condition | 'well' {
    const trouble = this.troubles.get(gateway);
    return trouble === undefined || trouble.untilMs <= this.nowMs ? 'well' : trouble.condition;
  }

  get isInTrouble(): boolean {
    return this.gateways.some(({ name }) => this.conditionOf(name) !== 'well');
  }

  /** What is refunded in full: all that came, but for a fee that the gateway charged the customer. */
  wholeRupiah({ transactionId, receivedRupiah }: PaymentAttempt): number {
    const payment = this.ledger().find((one) => one.transactionId === transactionId);
    return (receivedRupiah ?? 0) - (payment?.feeRupiah ?? 0);
  }

  /** Whether the shop can learn of a payment: it can ask about it, or a webhook has named it. */
  isKnowable({ isUnconfirmed, method, transactionId }: LedgerPayment): boolean {
    return (!isUnconfirmed && !BY_TRANSACTION_ID.has(method)) || this.told.has(transactionId);
  }

  /** Whether money went back at a gateway, and our attempt does not show it so far. */
  hasUnseenReturn(): boolean {
    return this.ledger().some((payment) => {
      const attempt = this.attempts.find(({ id }) => id === payment.attemptId);
      if (attempt?.state !== 'paid' || attempt.transactionId !== payment.transactionId) return false;
      return payment.isChargedBack || returnedOf(payment) > attempt.returnedRupiah;
    });
  }

  /** Returns a new number each time. */
  serial(): number {
    this.#serial += 1;
    return this.#serial;
  }

  async advance(seconds: number): Promise<void> {
    this.nowMs += Math.ceil(seconds * SECOND);
    await sql`update model.clock set at = ${new Date(this.nowMs)}`.execute(this.db);
  }

  /** The next time at which something is due. */
  async nextMs(): Promise<number | undefined> {
    const { rows } = await sql<{ at: Date | null }>`
      select least((select min(due_at) from orders), (select min(next_poll_at) from payment_attempts),
                   (select min(due_at) from refunds)) as at`.execute(this.db);
    const due = rows[0]?.at?.getTime();
    const times = this.workers.jobs.filter(({ state }) => state === 'waiting').map(({ atMs }) => atMs);
    if (due !== undefined) times.push(due);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  see(orderId: string, payment: SeenPayment | null | undefined): void {
    if (payment?.attemptId === undefined || payment.gateway === undefined) return;
    const { attemptId, gateway } = payment;
    const key = gateway === 'bank_transfer' ? attemptId : payment.url?.split('/').at(-1);
    if (key === undefined || this.known.has(key)) return;
    const amountRupiah = payment.transfer?.amount ?? PRICE_RUPIAH;
    this.known.set(key, { attemptId, orderId, gateway, amountRupiah });
  }

  /** Reads PostgreSQL, if it may have changed: only jobs and placing orders write. */
  async observe(): Promise<void> {
    const { jobs, parked } = this.counts;
    const done = `${jobs} ${parked} ${this.workers.resumed} ${this.orderIds.length}`;
    if (done === this.#observed) return;
    this.#observed = done;
    [this.orders, this.attempts] = await Promise.all([
      readOrders(this.db, this.orderIds),
      attemptsOfOrders(this.db, this.orderIds),
    ]);
    // Sorted by placement, not by id.
    const place = ({ orderId }: { orderId: string }) => this.orderIds.indexOf(orderId);
    this.orders.sort((a, b) => place(a) - place(b));
    this.attempts.sort((a, b) => place(a) - place(b) || a.number - b.number);
    for (const { orderId, payment } of this.orders) this.see(orderId, payment);
  }

  gatewayOf(name: string): SimulatedGateway {
    const gateway = this.gateways.find((one) => one.name === name);
    if (gateway === undefined) throw new Error(`The gateway ${name} does not exist.`);
    return gateway;
  }

  /** All payments through gateways, in order of arrival. */
  ledger(): LedgerPayment[] {
    return this.gateways.flatMap(({ ledger }) => ledger).toSorted((a, b) => a.atMs - b.atMs);
  }

  openExceptions(): Promise<{ id: number }[]> {
    return this.db
      .selectFrom('paymentExceptions')
      .select('id')
      .where('orderId', 'in', this.orderIds)
      .where('state', '=', 'open')
      .orderBy('id')
      .execute();
  }

  /** Whether a payment exception of the order is open, or an event of it has no outcome yet. */
  async isMoneyInDoubt(orderId: string): Promise<boolean> {
    const ofOrder = this.attempts.filter((one) => one.orderId === orderId).map(({ id }) => id);
    const exception = await this.db
      .selectFrom('paymentExceptions')
      .select('id')
      .where('orderId', '=', orderId)
      .where('state', '<>', 'resolved')
      .executeTakeFirst();
    const event = await this.db
      .selectFrom('paymentEvents')
      .select('id')
      .where('attemptId', 'in', [...ofOrder, ''])
      .where('outcome', 'is', null)
      .executeTakeFirst();
    return exception !== undefined || event !== undefined;
  }

  manualRefundsDue(): Promise<{ id: string }[]> {
    return this.db
      .selectFrom('refunds')
      .innerJoin('paymentAttempts', 'paymentAttempts.id', 'refunds.attemptId')
      .select('refunds.id')
      .where('paymentAttempts.orderId', 'in', this.orderIds)
      .where('refunds.state', '=', 'manual_refund')
      .orderBy('refunds.createdAt')
      .execute();
  }
}

export const isTransfer = ({ gateway }: PaymentAttempt): boolean => gateway === 'bank_transfer';
