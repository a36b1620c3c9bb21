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
  createSnap,
  createXendit,
  type Fault,
  type LedgerPayment,
  type LedgerRefund,
  type SimulatedGateway,
  type Webhook,
} from './gateways.ts';
import { MINUTE, type ModelCounts, SECOND } from './schedule.ts';
import { type SeenPayment, Workers } from './workers.ts';

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
  /** Attempts with a lost webhook: the shop cannot know what only that webhook said. */
  readonly droppedFor = new Set<string>();

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
    }: { startMs: number; refundFaults: readonly Fault[]; refundTakesMs: number },
  ) {
    this.db = db;
    this.counts = counts;
    this.nowMs = startMs;
    const surroundings = {
      nowMs: () => this.nowMs,
      nextFault: (operation: string) => this.workers.nextFault(operation),
      park: () => this.workers.park(),
      crash: (): never => this.workers.crash(),
      later: (effect: () => void) => void this.late.push(effect),
      webhook: (webhook: Webhook) => void this.webhooks.push(webhook),
      nextRefund: () => ({ state: this.nextRefund, takesMs: Math.max(refundTakesMs, MINUTE) }),
    };
    this.gateways = [createSnap(surroundings), createXendit(surroundings)];
    this.workers = new Workers(this, refundFaults);
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
