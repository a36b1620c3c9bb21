import { randomUUID } from 'node:crypto';
import {
  attemptById,
  attemptsOfOrders,
  addProducts,
  auditMoney,
  auditStock,
  type Database,
  type Kysely,
  openDatabase,
  type PaymentAttempt,
  readOrders,
  lockRefunds,
  sql,
  type StoredOrder,
} from '@antrean/db';
import { isLiveAttempt, REFUNDED_BY_ITSELF } from '@antrean/domain';
import {
  type Handlers,
  type JobName,
  type JobPayload,
  JOBS,
  type Producer,
  RetryLaterError,
} from '@antrean/queue';
import {
  applyOrderCommands,
  createHandlers,
  type JobDependencies,
  MicroBatcher,
  PaymentNotReadyError,
  reserveBatch,
  sweepOrders,
  sweepPayments,
} from '@antrean/worker';
import pino from 'pino';
import {
  createSnap,
  createXendit,
  type Fault,
  type LedgerPayment,
  type LedgerRefund,
  returnedOf,
  type SimulatedGateway,
  type Webhook,
} from './gateways.ts';

const ACTS = [
  'job', // a worker takes a job that waits
  'resume', // what was under way goes on
  'kill', // the worker of something that was under way dies
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

interface Step {
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

/** What must never be has been. */
class ViolationError extends Error {
  readonly code = 'violation';
}

/** The worker of a job has died: its memory is gone. */
class CrashError extends Error {
  readonly code = 'crash';
}

/** Jobs that nothing in this model adds. */
const NEVER_ADDED: readonly JobName[] = ['reserve-order', 'receive-stock', 'settlement-report'];
const PRICE_RUPIAH = 50_000;
const START = Date.parse('2030-01-01T00:00:00Z');
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const ACCOUNTS = [{ bank: 'BCA', accountNumber: '1234567890', accountHolder: 'Toko' }];
const MAX_PARKED = 3;
/** `unknown` ends within this, while workers work. */
const MAX_UNKNOWN_MS = 2 * MINUTE;
/** A payment of an instrument that is out is noticed within this, without any webhook. */
const MAX_UNNOTICED_MS = 90 * SECOND;
/** No call to a gateway takes longer, unless its process stands still. */
const LEASE_MS = 40 * SECOND;
/** Past this nothing is asked about any more. */
const QUIET_MS = 80 * 60 * MINUTE;

interface Job {
  name: JobName;
  payload: unknown;
  id: string;
  /** That have failed. */
  tries: number;
  atMs: number;
  state: 'waiting' | 'running' | 'over';
}

interface Parked {
  job: Job;
  sinceMs: number;
  ended: Promise<void>;
  goOn: () => void;
  die: () => void;
}

/** A line on the bank's statement. */
interface Transfer {
  attemptId: string;
  reference: string;
  amountRupiah: number;
  isConfirmed: boolean;
}

/** A database in which runs follow each other. */
export interface Lane {
  readonly counts: ModelCounts;
  /** Throws a ViolationError. */
  run(schedule: Schedule): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens a lane on a database with the newest schema that nothing else uses: its `now()` becomes the model's clock.
 */
export async function openLane(url: string): Promise<Lane> {
  const setUp = openDatabase({ url, maxConnections: 1 });
  try {
    await takeOverClock(setUp);
  } finally {
    await setUp.destroy();
  }
  const db = openDatabase({ url, maxConnections: 6 });
  const counts: ModelCounts = {
    runs: 0,
    jobs: 0,
    crashes: 0,
    faults: 0,
    parked: 0,
    payments: 0,
    exceptions: 0,
  };
  let last = START;
  return {
    counts,
    async run(schedule) {
      counts.runs += 1;
      // What a run that failed left behind is not swept in this one.
      await sql`update orders set due_at = null where due_at is not null`.execute(db);
      await sql`update payment_attempts set next_poll_at = null where next_poll_at is not null`.execute(db);
      await sql`update refunds set due_at = null where due_at is not null`.execute(db);
      const world = new World(db, counts, last + MINUTE);
      try {
        await world.play(schedule);
      } finally {
        last = world.nowMs;
      }
    },
    close: () => db.destroy(),
  };
}

/** Statements and defaults that say `now()` mean the model's clock, too. */
async function takeOverClock(db: Kysely<Database>): Promise<void> {
  await sql`create schema model`.execute(db);
  await sql`create table model.clock (at timestamptz not null)`.execute(db);
  await sql`insert into model.clock values (${new Date(START)})`.execute(db);
  await sql`create function model.now() returns timestamptz language sql stable as 'select at from model.clock'`.execute(
    db,
  );
  await sql`
    do $$
    declare c record;
    begin
      for c in select table_name, column_name from information_schema.columns
               where table_schema = 'public' and column_default = 'now()' loop
        execute format('alter table %I alter column %I set default model.now()', c.table_name, c.column_name);
      end loop;
      execute format('alter database %I set search_path = model, pg_catalog, public', current_database());
    end $$`.execute(db);
}

class World {
  nowMs: number;
  readonly #db: Kysely<Database>;
  readonly #counts: ModelCounts;
  readonly #deps: JobDependencies;
  readonly #handlers: Handlers;
  readonly #producer: Pick<Producer, 'add' | 'addAll' | 'waitingCount'>;
  readonly #gateways: readonly SimulatedGateway[];

  readonly #orderIds: string[] = [];
  readonly #jobs: Job[] = [];
  readonly #parked: Parked[] = [];
  readonly #late: (() => void)[] = [];
  readonly #webhooks: Webhook[] = [];
  /** What customers have seen, by what is needed to pay with it. */
  readonly #known = new Map<
    string,
    { attemptId: string; orderId: string; gateway: string; amountRupiah: number }
  >();
  readonly #transfers: Transfer[] = [];
  /** Dropped for good: of what they alone could tell, nobody can know. */
  readonly #droppedFor = new Set<string>();
  readonly #forgedFor = new Set<string>();
  readonly #unknownSince = new Map<string, number>();
  readonly #noticedFrom = new Map<LedgerPayment, number>();
  readonly #trace: string[] = [];

  #attempts: PaymentAttempt[] = [];
  #orders: StoredOrder[] = [];
  /** How long workers have worked. */
  #workedMs = 0;
  #healthyMs = 0;
  #serial = 0;
  #resumed = 0;
  readonly #overslept = new Set<Job>();
  #isLinkUnsure = false;
  /** What had been done when PostgreSQL was last read. */
  #observed = '';

  // Of the step under way.
  #faults: Fault[] = [];
  #refundFaults: Fault[] = [];
  #isOutage = false;
  #points = 0;
  #crashAt = 0;
  #parkAt = 0;
  #transactions = 0;
  #nextRefund: LedgerRefund['state'] = 'going';
  #refundTakesMs = MINUTE;
  #isPaidOut = false;
  #active: Job | undefined;
  #onPark: (() => void) | undefined;

  constructor(db: Kysely<Database>, counts: ModelCounts, startMs: number) {
    this.#db = db;
    this.#counts = counts;
    this.nowMs = startMs;
    const surroundings = {
      nowMs: () => this.nowMs,
      nextFault: (operation: string) => this.#nextFault(operation),
      park: () => this.#park(),
      crash: (): never => this.#crash(),
      later: (effect: () => void) => void this.#late.push(effect),
      webhook: (webhook: Webhook) => void this.#webhooks.push(webhook),
      nextRefund: () => ({ state: this.#nextRefund, takesMs: this.#refundTakesMs }),
    };
    this.#gateways = [createSnap(surroundings), createXendit(surroundings)];
    const workerDb = this.#watched(db);
    this.#producer = {
      add: async (name, payload, jobId) => {
        await this.#point();
        this.#add(name, payload, jobId);
        await this.#point();
      },
      addAll: async (name, jobs) => {
        await this.#point();
        for (const { payload, jobId } of jobs) this.#add(name, payload, jobId);
        await this.#point();
      },
      waitingCount: () => Promise.resolve(0),
    };
    this.#deps = {
      db: workerDb,
      producer: this.#producer,
      records: {
        publish: async (records) => {
          await this.#point();
          for (const { status } of records) this.#see(status.orderId, status.payment);
          await this.#point();
          return [];
        },
      },
      stock: { touch: () => undefined },
      gateways: this.#gateways,
      transferAccounts: ACCOUNTS,
      orderCommands: new MicroBatcher({
        run: (batch) =>
          this.#inTransaction(
            () => applyOrderCommands(workerDb, batch, { now: () => new Date(this.nowMs) }),
            // Whoever stops there keeps every other change waiting: nothing would happen any more.
            false,
          ),
        maxBatchSize: 1,
        maxWaitMs: 0,
      }),
      now: () => new Date(this.nowMs),
      log: pino({ level: 'silent' }),
    };
    this.#handlers = createHandlers(this.#deps, {
      gate: { through: (work) => work() },
      reservations: { submit: () => Promise.reject(new ViolationError('Orders are placed by #place.')) },
    });
  }

  async play(schedule: Schedule): Promise<void> {
    const { method, paidBy, onHand, steps, refundFaults, refundTakesHours, isPaidOut } = schedule;
    this.#refundFaults = [...refundFaults];
    this.#refundTakesMs = Math.max(refundTakesHours * 60 * MINUTE, MINUTE);
    this.#isPaidOut = isPaidOut;
    try {
      await this.#advance(0);
      const sku = `MODEL-${randomUUID()}`;
      await addProducts(this.#db, [{ sku, name: sku, description: '', priceRupiah: PRICE_RUPIAH, onHand }]);
      await this.#place(sku, method);
      await this.#observe();
      if (paidBy !== null) await this.#begin(paidBy);
      for (const step of steps) {
        this.#trace.push(`+${(this.nowMs - START) / SECOND}s ${step.act} ${step.pick}`);
        this.#faults = [...step.faults];
        this.#points = 0;
        this.#crashAt = step.crashAt;
        this.#parkAt = step.parkAt;
        this.#nextRefund = step.pick === 11 ? 'refused' : step.pick === 10 ? 'failing' : 'going';
        await this.#act(step, sku);
        await this.#observe();
        this.#checkEachStep();
      }
      this.#trace.push('quiet');
      await this.#quiet();
      await this.#checkEnd(sku);
    } catch (error) {
      if (!(error instanceof ViolationError)) throw error;
      throw new ViolationError(`${error.message}\n${shortened(this.#trace).join('\n')}`);
    } finally {
      for (const parked of this.#parked.splice(0)) {
        parked.die();
        await parked.ended;
      }
    }
  }

  /** The first order is paid, and that is known. */
  async #begin(paidBy: number): Promise<void> {
    await this.#workOff();
    await this.#observe();
    this.#pay(paidBy * 2);
    for (const transfer of this.#transfers) this.#confirm(transfer);
    for (const webhook of this.#webhooks.splice(0)) this.#deliver(webhook, false);
    await this.#workOff();
    await this.#observe();
  }

  // What happens.

  async #act({ act, pick }: Step, sku: string): Promise<void> {
    switch (act) {
      case 'job': {
        const job = picked(this.#waiting(), pick);
        if (job !== undefined) await this.#execute(job);
        return;
      }
      case 'resume':
      case 'kill': {
        const parked = picked(this.#parked, pick);
        if (parked !== undefined) await this.#goOn(parked, act === 'resume');
        return;
      }
      case 'land':
        this.#late.shift()?.();
        return;
      case 'work':
        return this.#work(1 + (pick % 6) * 2, pick >= 8);
      case 'tick':
        return this.#advance([1, 20, 61, 150, 300, 600, 1_200, 1_740, 1_900, 3_700][pick % 10] ?? 1);
      case 'sweep':
        return this.#sweep();
      case 'pay':
        return this.#pay(pick);
      case 'old':
        return this.#pay(pick, [...this.#known].slice(0, -1));
      case 'stall':
        return this.#stall(pick);
      case 'refund':
        return this.#askRefund(pick);
      case 'payout': {
        const refund = picked(await this.#payoutsDue(), pick);
        // Two admins may have paid it.
        if (refund === undefined) return;
        for (let n = 0; n < 1 + (pick % 2); n += 1) this.#payOut(refund);
        return;
      }
      case 'outside': {
        const payment = picked(this.#ledger(), pick);
        if (payment === undefined) return;
        const rest = payment.amountRupiah - returnedOf(payment);
        const rupiah = pick % 2 === 0 ? rest : Math.min(20_000, rest);
        if (rupiah > 0) this.#gatewayOf(payment.gateway).refundOutside(payment, rupiah);
        return;
      }
      case 'chargeback': {
        const payment = picked(this.#ledger(), pick);
        if (payment !== undefined) this.#gatewayOf(payment.gateway).chargeBack(payment);
        return;
      }
      case 'win': {
        const disputed = this.#ledger().filter(({ isChargedBack }) => isChargedBack);
        const payment = picked(disputed, pick);
        if (payment !== undefined) this.#gatewayOf(payment.gateway).winDispute(payment);
        return;
      }
      case 'void':
      case 'release':
      case 'ship': {
        const order = picked(this.#orders, pick);
        if (order === undefined) return;
        const { orderId } = order;
        const why = { reason: 'diperiksa', requestedBy: 'admin' };
        if (act === 'void') this.#ask('void-order', { orderId, ...why });
        else if (act === 'release') this.#ask('release-order', { orderId, ...why });
        else {
          const parcel = { carrier: 'JNE', trackingNumber: 'JNE1', requestedBy: 'admin' };
          this.#ask('ship-order', { orderId, requestId: 'r', ...parcel });
        }
        return;
      }
      case 'switch': {
        const order = picked(this.#orders, pick);
        if (order === undefined) return;
        const { orderId, requestId, payment } = order;
        const to = pick % 3 === 0 ? 'online' : 'bank_transfer';
        // What he sees may be old.
        const replaces = pick === 10 ? (this.#attempts[0]?.id ?? null) : (payment?.attemptId ?? null);
        this.#ask('change-payment-method', {
          orderId,
          requestId,
          method: to,
          replaces,
          requestedBy: 'customer',
        });
        return;
      }
      case 'cancel': {
        const order = picked(this.#orders, pick);
        if (order === undefined) return;
        const { orderId, requestId } = order;
        this.#ask('cancel-order', { orderId, requestId, requestedBy: 'customer' });
        return;
      }
      case 'place':
        if (this.#orderIds.length < 2) await this.#place(sku, pick % 3 === 0 ? 'bank_transfer' : 'online');
        return;
      case 'proof': {
        const attempt = picked(this.#attempts.filter(isTransfer), pick);
        if (attempt === undefined) return;
        const { id: attemptId, orderId } = attempt;
        const proof = { orderId, attemptId, requestId: 'r', reference: 'foto', requestedBy: 'customer' };
        this.#ask('attach-transfer-proof', proof);
        return;
      }
      case 'confirm': {
        const transfer = picked(this.#transfers, pick);
        if (transfer !== undefined) this.#confirm(transfer);
        return;
      }
      case 'reject': {
        const attempt = picked(this.#attempts.filter(isTransfer), pick);
        if (attempt === undefined) return;
        const no = { attemptId: attempt.id, reason: 'tidak ada', requestId: 'r', requestedBy: 'admin' };
        this.#ask('reject-transfer', no);
        return;
      }
      case 'webhook':
      case 'repeat': {
        const webhook = picked(this.#webhooks, pick);
        if (webhook !== undefined) this.#deliver(webhook, act === 'repeat');
        return;
      }
      case 'drop': {
        const webhook = picked(this.#webhooks, pick);
        if (webhook === undefined) return;
        this.#webhooks.splice(this.#webhooks.indexOf(webhook), 1);
        this.#droppedFor.add(webhook.attemptId);
        return;
      }
      case 'forge': {
        const attempt = picked(
          this.#attempts.filter((one) => !isTransfer(one)),
          pick,
        );
        if (attempt === undefined) return;
        this.#forgedFor.add(attempt.id);
        const gateway = attempt.gateway === 'midtrans' ? 'midtrans' : 'xendit';
        const payload = {
          status: 'PAID',
          transaction_status: 'settlement',
          paid_amount: PRICE_RUPIAH,
          forged: true,
        };
        this.#deliver({ gateway, attemptId: attempt.id, payload }, false);
        return;
      }
      case 'reverse': {
        const recent = this.#ledger().filter(
          ({ mayReverse, atMs }) => mayReverse && this.nowMs - atMs < 5 * MINUTE,
        );
        const payment = picked(recent, pick);
        if (payment !== undefined) this.#gatewayOf(payment.gateway).reverse(payment);
        return;
      }
    }
    act satisfies never;
  }

  async #place(sku: string, paymentMethod: 'online' | 'bank_transfer'): Promise<void> {
    const orderId = randomUUID();
    this.#orderIds.push(orderId);
    const done = await reserveBatch({ ...this.#deps, db: this.#db, producer: this.#calmProducer() }, [
      {
        ...{ orderId, storefrontId: 'toko', idempotencyKey: orderId, fingerprint: 'f', requestId: 'r' },
        ...{ acceptedAtMs: this.nowMs, paymentMethod, shippingFeeRupiah: 0, items: [{ sku, quantity: 1 }] },
        customer: { name: 'Siti', email: 'siti@example.test', phone: '+6281234567890' },
      },
    ]);
    await Promise.all(done);
  }

  #pay(pick: number, from = [...this.#known]): void {
    const [key, seen] = picked(from, pick) ?? [];
    if (key === undefined || seen === undefined) return;
    if (seen.gateway !== 'bank_transfer') {
      this.#gatewayOf(seen.gateway).visit(key, Math.floor(pick / 2));
      return;
    }
    const isWrong = pick === 9;
    this.#serial += 1;
    this.#transfers.push({
      attemptId: seen.attemptId,
      reference: `${seen.attemptId}/line${this.#serial}`,
      amountRupiah: seen.amountRupiah - (isWrong ? 1 : 0),
      isConfirmed: false,
    });
  }

  #confirm(transfer: Transfer): void {
    const { attemptId, amountRupiah, reference: bankReference } = transfer;
    transfer.isConfirmed = true;
    this.#ask('confirm-transfer', {
      attemptId,
      amountRupiah,
      bankReference,
      requestId: 'r',
      requestedBy: 'admin',
    });
  }

  /** A part or all, once or twice, under one id or two, and for a case that is open. */
  async #askRefund(pick: number): Promise<void> {
    const attempt = picked(
      this.#attempts.filter(({ receivedRupiah }) => receivedRupiah !== null),
      Math.floor(pick / 6),
    );
    if (attempt === undefined) return;
    const { id: attemptId, receivedRupiah, returnedRupiah } = attempt;
    const rest = Math.max((receivedRupiah ?? 0) - returnedRupiah, 1);
    const open = await this.#db
      .selectFrom('paymentExceptions')
      .select('id')
      .where('attemptId', '=', attemptId)
      .where('state', '=', 'open')
      .executeTakeFirst();
    const [amountRupiah, times, ids] = (
      [
        [20_000, 1, 1],
        [rest, 1, 1],
        [20_000, 2, 1],
        [rest, 2, 2],
        [rest, 1, 1],
        [30_000, 2, 2],
      ] as const
    )[pick % 6] ?? [rest, 1, 1];
    const first = randomUUID();
    for (let n = 0; n < times; n += 1)
      this.#ask('request-refund', {
        ...{ refundId: `ad-${ids === 1 || n === 0 ? first : randomUUID()}`, attemptId, amountRupiah },
        exceptionId: pick % 6 === 4 ? (open?.id ?? null) : null,
        ...{ reason: 'diminta', requestedBy: 'admin' },
      });
  }

  #payoutsDue(): Promise<{ id: string }[]> {
    return this.#db
      .selectFrom('refunds')
      .innerJoin('paymentAttempts', 'paymentAttempts.id', 'refunds.attemptId')
      .select('refunds.id')
      .where('paymentAttempts.orderId', 'in', this.#orderIds)
      .where('refunds.state', '=', 'manual_payout')
      .orderBy('refunds.createdAt')
      .execute();
  }

  #payOut({ id: refundId }: { id: string }): void {
    this.#serial += 1;
    const reference = `${refundId}/out${this.#serial}`;
    this.#ask('record-payout', { refundId, reference, requestedBy: 'admin' });
  }

  /** While a worker stands still, what it did is begun again by another. */
  async #stall(pick: number): Promise<void> {
    const parked = picked(this.#parked, pick);
    if (parked === undefined) return;
    await this.#advance(61);
    await this.#sweep();
    const of = (job: Job) => (/[0-9a-f]{8}-[0-9a-f-]{27}/.exec(JSON.stringify(job.payload)) ?? [])[0];
    const sameOrder = this.#waiting().filter((job) => of(job) === of(parked.job));
    for (const job of sameOrder.slice(0, 2)) await this.#execute(job);
    if (pick % 2 === 0 && this.#parked.includes(parked)) await this.#goOn(parked, true);
  }

  #deliver(webhook: Webhook, again: boolean): void {
    const { gateway, attemptId, refundId, payload } = webhook;
    const index = this.#webhooks.indexOf(webhook);
    if (!again && index >= 0) this.#webhooks.splice(index, 1);
    const event = { gateway, requestId: 'r', payload, dedupeKey: `${attemptId} ${JSON.stringify(payload)}` };
    if (refundId === undefined) this.#ask('apply-payment-event', { ...event, attemptId });
    else this.#ask('apply-refund-event', { ...event, refundId });
  }

  /** Workers take what waits and sweep every ten seconds; with an outage, no gateway answers. */
  async #work(rounds: number, isOutage: boolean): Promise<void> {
    this.#isOutage = isOutage;
    const isHealthy = !isOutage && this.#faults.length === 0 && this.#parked.length === 0;
    for (let round = 0; round < rounds; round += 1) {
      await this.#advance(10);
      this.#workedMs += 10 * SECOND;
      if (isHealthy && this.#crashAt === 0) this.#healthyMs += 10 * SECOND;
      await this.#sweep();
      if ((await this.#workOff()) === 0) continue;
      await this.#observe();
      this.#checkEachStep();
    }
    this.#isOutage = false;
  }

  async #workOff(): Promise<number> {
    for (let n = 0; n < 200; n += 1) {
      const job = this.#waiting()[0];
      if (job === undefined) return n;
      await this.#execute(job);
    }
    throw new ViolationError('Jobs beget jobs without an end.');
  }

  async #sweep(): Promise<void> {
    const deps = {
      ...{ db: this.#db, producer: this.#calmProducer(), log: this.#deps.log },
      now: this.#deps.now,
    };
    await sweepOrders(deps);
    await sweepPayments(deps);
  }

  /** All is well from here on: what was given up lands, what was delivered nowhere is, and time passes. */
  async #quiet(): Promise<void> {
    this.#faults = [];
    this.#crashAt = 0;
    this.#parkAt = 0;
    this.#nextRefund = 'going';
    let endMs = this.nowMs + QUIET_MS;
    for (let round = 0; round < 100; round += 1) {
      while (this.#parked[0] !== undefined) await this.#goOn(this.#parked[0], true);
      for (const effect of this.#late.splice(0)) effect();
      while (this.#webhooks[0] !== undefined) this.#deliver(this.#webhooks[0], false);
      if ((await this.#workOff()) > 0) {
        await this.#observe();
        this.#checkEachStep();
      }
      const nextMs = await this.#nextMs();
      if (nextMs === undefined || nextMs > endMs) {
        if (!(await this.#adminLooks()) && this.#isStill()) return;
        endMs = this.nowMs + QUIET_MS;
        continue;
      }
      // Ever more of time at once; what was due meanwhile is late.
      const atLeastMs = Math.min(10 * SECOND * 2 ** round, 360 * MINUTE);
      await this.#advance(Math.max(atLeastMs, nextMs - this.nowMs) / SECOND);
      // What expires at a gateway says so.
      for (const { id } of this.#attempts) for (const gateway of this.#gateways) gateway.payable(id);
      await this.#sweep();
    }
    throw new ViolationError('It does not come to rest.');
  }

  #isStill(): boolean {
    return this.#webhooks.length + this.#parked.length + this.#late.length === 0;
  }

  /** An admin sees to what waits for one. False when nothing does. */
  async #adminLooks(): Promise<boolean> {
    const open = this.#transfers.filter(({ isConfirmed }) => !isConfirmed);
    for (const transfer of open) this.#confirm(transfer);
    await this.#workOff();
    await this.#observe();
    const waiting = this.#attempts.filter((one) => isTransfer(one) && one.state === 'active');
    for (const { id: attemptId } of waiting)
      this.#ask('reject-transfer', { attemptId, reason: 'tidak ada', requestId: 'r', requestedBy: 'admin' });
    const payouts = this.#isPaidOut ? await this.#payoutsDue() : [];
    for (const refund of payouts) this.#payOut(refund);
    return open.length + waiting.length + payouts.length > 0;
  }

  /** When something is due next. */
  async #nextMs(): Promise<number | undefined> {
    const { rows } = await sql<{ at: Date | null }>`
      select least((select min(due_at) from orders), (select min(next_poll_at) from payment_attempts),
                   (select min(due_at) from refunds)) as at`.execute(this.#db);
    const due = rows[0]?.at?.getTime();
    const times = this.#jobs.filter(({ state }) => state === 'waiting').map(({ atMs }) => atMs);
    if (due !== undefined) times.push(due);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  async #advance(seconds: number): Promise<void> {
    this.nowMs += Math.ceil(seconds * SECOND);
    await sql`update model.clock set at = ${new Date(this.nowMs)}`.execute(this.#db);
  }

  // Jobs.

  #ask<N extends JobName>(name: N, payload: JobPayload<N>): void {
    this.#serial += 1;
    this.#add(name, payload, `asked-${this.#serial}`);
  }

  /** While a job of that id is remembered, another is not added. */
  #add(name: JobName, payload: unknown, id: string): void {
    if (this.#jobs.some((job) => job.id === id)) return;
    this.#jobs.push({ name, payload, id, tries: 0, atMs: this.nowMs, state: 'waiting' });
  }

  /** Of the sweeper, which is no job. */
  #calmProducer(): Pick<Producer, 'add' | 'addAll' | 'waitingCount'> {
    return {
      ...this.#producer,
      add: async (name, payload, id) => this.#add(name, payload, id),
      addAll: async (name, jobs) => {
        for (const { payload, jobId } of jobs) this.#add(name, payload, jobId);
      },
    };
  }

  #waiting(): Job[] {
    return this.#jobs.filter(({ state, atMs }) => state === 'waiting' && atMs <= this.nowMs);
  }

  async #execute(job: Job): Promise<void> {
    job.state = 'running';
    this.#counts.jobs += 1;
    this.#active = job;
    const ended = this.#end(job);
    await this.#untilParked(ended);
  }

  async #end(job: Job): Promise<void> {
    try {
      await this.#handle(job);
    } catch (error) {
      return this.#failed(job, error);
    }
    job.state = 'over';
    this.#trace.push(`    ${job.name} ${short(job.id)}: done`);
  }

  async #untilParked(ended: Promise<void>): Promise<void> {
    let failure: unknown;
    const parked = new Promise<'parked'>((resolve) => {
      this.#onPark = () => resolve('parked');
    });
    const how = await Promise.race([
      ended.catch((error: unknown) => {
        failure = error;
      }),
      parked,
    ]);
    this.#onPark = undefined;
    const last = this.#parked.at(-1);
    if (how === 'parked' && last !== undefined) last.ended = ended;
    this.#active = undefined;
    if (failure !== undefined) throw failure;
  }

  async #goOn(parked: Parked, lives: boolean): Promise<void> {
    this.#parked.splice(this.#parked.indexOf(parked), 1);
    this.#active = parked.job;
    this.#resumed += 1;
    if (this.nowMs - parked.sinceMs > LEASE_MS) this.#overslept.add(parked.job);
    if (lives) parked.goOn();
    else parked.die();
    await this.#untilParked(parked.ended);
  }

  #handle(job: Job): Promise<void> {
    if (NEVER_ADDED.includes(job.name)) throw new ViolationError(`Nobody should add ${job.name} here.`);
    // #add and #ask pair a name with its payload.
    const handle = this.#handlers[job.name] as (
      payload: unknown,
      context: { jobId: string; attempt: number },
    ) => Promise<void>;
    return handle(job.payload, { jobId: job.id, attempt: 1 });
  }

  #failed(job: Job, error: unknown): void {
    this.#trace.push(
      `    ${job.name} ${short(job.id)}: ${error instanceof Error ? error.message : String(error)}`,
    );
    job.state = 'waiting';
    if (error instanceof CrashError) return;
    if (error instanceof RetryLaterError) {
      job.atMs = this.nowMs + error.delayMs;
      return;
    }
    const { attempts, backoffMs } = JOBS[job.name];
    job.atMs = this.nowMs + backoffMs * 2 ** job.tries;
    job.tries += 1;
    if (job.tries >= attempts) job.state = 'over';
    if (error instanceof PaymentNotReadyError || isExpectedRace(error)) return;
    throw new ViolationError(`${job.name} failed: ${error instanceof Error ? error.stack : String(error)}`);
  }

  // Where the world breaks in.

  #nextFault(operation: string): Fault {
    if (this.#isOutage) return 'lost';
    if (this.#active !== undefined && this.#overslept.has(this.#active)) this.#isLinkUnsure = true;
    const faults = operation === 'refund' ? this.#refundFaults : this.#faults;
    const fault = faults.shift() ?? 'none';
    // Then a call may reach Snap that withdraws the link of a later one: nothing can be done about that.
    if (fault === 'late' || fault === 'slow_to_arrive') this.#isLinkUnsure = true;
    if (fault !== 'none') this.#counts.faults += 1;
    return fault;
  }

  #crash(): never {
    this.#counts.crashes += 1;
    throw new CrashError('crash');
  }

  async #park(): Promise<void> {
    if (this.#active === undefined || this.#parked.length >= MAX_PARKED) return;
    const job = this.#active;
    this.#counts.parked += 1;
    this.#trace.push(`    ${job.name} ${short(job.id)}: parked`);
    await new Promise<void>((resolve, reject) => {
      const die = () => {
        this.#counts.crashes += 1;
        reject(new CrashError('killed'));
      };
      this.#parked.push({ job, sinceMs: this.nowMs, ended: Promise.resolve(), goOn: resolve, die });
      this.#onPark?.();
    });
  }

  /** Before and after each statement, message and publication of a job. */
  async #point(): Promise<void> {
    this.#crashPoint();
    if (this.#points === this.#parkAt && this.#transactions === 0) await this.#park();
  }

  #crashPoint(): void {
    if (this.#active === undefined) return;
    this.#points += 1;
    if (this.#points === this.#crashAt) this.#crash();
  }

  async #inTransaction<T>(work: () => Promise<T>, mayPark = true): Promise<T> {
    this.#transactions += 1;
    let result: T;
    try {
      result = await work();
    } finally {
      this.#transactions -= 1;
    }
    if (mayPark) await this.#point();
    else this.#crashPoint();
    return result;
  }

  #watched(db: Kysely<Database>): Kysely<Database> {
    const watched = db.withPlugin({
      transformQuery: ({ node }) => {
        this.#crashPoint();
        return node;
      },
      transformResult: async ({ result }) => {
        await this.#point();
        return result;
      },
    });
    const begin = watched.transaction.bind(watched);
    watched.transaction = () => {
      const builder = begin();
      const execute = builder.execute.bind(builder);
      return Object.assign(builder, {
        execute: (work: Parameters<typeof execute>[0]) => this.#inTransaction(() => execute(work)),
      });
    };
    return watched;
  }

  // What is seen.

  #see(orderId: string, payment: SeenPayment | null | undefined): void {
    if (payment?.attemptId === undefined || payment.gateway === undefined) return;
    const { attemptId, gateway } = payment;
    const key = gateway === 'bank_transfer' ? attemptId : payment.url?.split('/').at(-1);
    if (key === undefined || this.#known.has(key)) return;
    const amountRupiah = payment.transfer?.amount ?? PRICE_RUPIAH;
    this.#known.set(key, { attemptId, orderId, gateway, amountRupiah });
  }

  async #observe(): Promise<void> {
    // Only jobs write, and what places orders.
    const done = `${this.#counts.jobs} ${this.#counts.parked} ${this.#resumed} ${this.#orderIds.length}`;
    if (done === this.#observed) return;
    this.#observed = done;
    [this.#orders, this.#attempts] = await Promise.all([
      readOrders(this.#db, this.#orderIds),
      attemptsOfOrders(this.#db, this.#orderIds),
    ]);
    // In the order in which they were placed, whatever their ids.
    this.#orders.sort((a, b) => this.#orderIds.indexOf(a.orderId) - this.#orderIds.indexOf(b.orderId));
    this.#attempts.sort(
      (a, b) => this.#orderIds.indexOf(a.orderId) - this.#orderIds.indexOf(b.orderId) || a.number - b.number,
    );
    for (const { orderId, payment } of this.#orders) this.#see(orderId, payment);
  }

  #gatewayOf(name: string): SimulatedGateway {
    const gateway = this.#gateways.find((one) => one.name === name);
    if (gateway === undefined) throw new Error(`No gateway is called ${name}.`);
    return gateway;
  }

  #ledger(): LedgerPayment[] {
    return this.#gateways.flatMap(({ ledger }) => ledger).toSorted((a, b) => a.atMs - b.atMs);
  }

  #orderIdOf(attemptId: string): string {
    return attemptId.slice(0, 36);
  }

  // What must be so.

  #checkEachStep(): void {
    for (const { orderId, state } of this.#orders) {
      const ofOrder = this.#attempts.filter((one) => one.orderId === orderId);
      const payable = [...this.#known].filter(([key, seen]) => {
        if (seen.orderId !== orderId) return false;
        if (seen.gateway === 'bank_transfer')
          return ofOrder.some(({ id, state: is }) => id === seen.attemptId && is === 'active');
        const refs = this.#gatewayOf(seen.gateway).payable(seen.attemptId);
        return refs.includes(key) || refs.some((ref) => ref.endsWith('-va'));
      });
      must(
        payable.length <= 1,
        () => `Two instruments can be paid: ${payable.map(([key]) => key).join(', ')}.`,
      );
      const live = ofOrder.filter((one) => isLiveAttempt(one.state)).map(({ id }) => id);
      must(live.length <= 1, () => `Two attempts are live: ${live.join(', ')}.`);
      const hasMoney =
        this.#ledger().some((payment) => this.#orderIdOf(payment.attemptId) === orderId) ||
        this.#transfers.some(({ attemptId }) => this.#orderIdOf(attemptId) === orderId);
      const isPaid = ['paid', 'payment_hold', 'shipped', 'refunded'].includes(state);
      must(!isPaid || hasMoney, () => `${orderId} is ${state}, and nobody has paid.`);
      const by = ofOrder.find(({ outcome }) => outcome === 'paid');
      must(
        state !== 'paid' || (by?.state === 'paid' && by.returnedRupiah < (by.receivedRupiah ?? 0)),
        () => `${orderId} is paid, and of its payment, ${by?.state}, ${by?.returnedRupiah} IDR go back.`,
      );
    }
    for (const { id, state, url, gateway } of this.#attempts) {
      if (state !== 'active' || url === null || this.#isLinkUnsure) continue;
      const refs = this.#gatewayOf(gateway).payable(id);
      const key = url.split('/').at(-1) ?? '';
      must(
        refs.length === 0 || refs.includes(key) || refs.some((ref) => ref.endsWith('-va')),
        () => `${key} was handed out, and only ${refs.join(', ')} can be paid.`,
      );
    }
    for (const { id, state } of this.#attempts) {
      if (state !== 'unknown' || this.#parked.length > 0) this.#unknownSince.delete(id);
      else if (!this.#unknownSince.has(id)) this.#unknownSince.set(id, this.#workedMs);
      const unknownMs = this.#workedMs - (this.#unknownSince.get(id) ?? this.#workedMs);
      must(unknownMs <= MAX_UNKNOWN_MS, () => `${id} has been unknown for ${unknownMs} ms.`);
    }
    for (const payment of this.#ledger()) {
      const attempt = this.#attempts.find(({ id }) => id === payment.attemptId);
      const isOut = attempt?.state === 'active' && !payment.isUnconfirmed && !payment.isReversed;
      if (!isOut) this.#noticedFrom.delete(payment);
      else if (!this.#noticedFrom.has(payment)) this.#noticedFrom.set(payment, this.#healthyMs);
      const waitedMs = this.#healthyMs - (this.#noticedFrom.get(payment) ?? this.#healthyMs);
      must(
        waitedMs <= MAX_UNNOTICED_MS,
        () => `${payment.attemptId} was paid, and not noticed for ${waitedMs} ms.`,
      );
    }
  }

  async #checkEnd(sku: string): Promise<void> {
    const db = this.#db;
    const exceptions = await db
      .selectFrom('paymentExceptions')
      .select(['kind', 'state', 'attemptId', 'amountRupiah', 'subject'])
      .where('orderId', 'in', this.#orderIds)
      .execute();
    const refunds = await db.transaction().execute((trx) => lockRefunds(trx, this.#orderIds));
    const paidOut = new Set(
      (
        await db
          .selectFrom('refunds')
          .innerJoin('paymentAttempts', 'paymentAttempts.id', 'refunds.attemptId')
          .select('refunds.id')
          .where('paymentAttempts.orderId', 'in', this.#orderIds)
          .where('refunds.payoutReference', 'is not', null)
          .execute()
      ).map(({ id }) => id),
    );
    this.#counts.exceptions += exceptions.length;
    this.#counts.payments += this.#ledger().length + this.#transfers.length;
    const exceptionOf = (attemptId: string, kind: string) =>
      exceptions.find((one) => one.attemptId === attemptId && one.kind === kind);

    for (const { id, state } of this.#attempts)
      must(!['created', 'sent', 'unknown', 'active'].includes(state), () => `${id} ends as ${state}.`);

    for (const payment of this.#ledger()) {
      const { attemptId, amountRupiah, transactionId } = payment;
      const attempt = await attemptById(db, attemptId);
      must(attempt !== undefined, () => `Money came for ${attemptId}, which is not there.`);
      const name = `The payment ${transactionId}`;
      if (payment.isUnconfirmed) {
        const isKnown = exceptionOf(attemptId, 'unconfirmed_payment') !== undefined;
        must(isKnown || this.#droppedFor.has(attemptId), () => `${name} was announced, and no case is open.`);
        continue;
      }
      if (payment.isReversed) {
        must(attempt?.state !== 'paid', () => `${name} was reversed, and its attempt is paid.`);
        continue;
      }
      if (payment.isChargedBack) {
        must(
          attempt?.state === 'charged_back',
          () => `${name} was charged back, and its attempt is ${attempt?.state}.`,
        );
        must(
          exceptionOf(attemptId, 'chargeback') !== undefined,
          () => `${name} was charged back, and no case is open.`,
        );
        continue;
      }
      must(attempt?.state === 'paid', () => `${name} came, and its attempt is ${attempt?.state}.`);
      must(
        attempt?.transactionId === transactionId && attempt.receivedRupiah === amountRupiah,
        () => `${name} is entered as ${attempt?.transactionId} of ${attempt?.receivedRupiah} IDR.`,
      );
      const outcome = attempt?.outcome ?? 'paid';
      if (outcome === 'paid') continue;
      const opened = exceptionOf(attemptId, outcome);
      must(opened !== undefined, () => `${name} is a ${outcome}, and no case says so.`);
      if (!REFUNDED_BY_ITSELF.some((kind) => kind === outcome)) continue;
      const refund = refunds.find((one) => one.id === `rf-${attemptId}`);
      must(refund !== undefined, () => `${name} is a ${outcome}, and its money does not go back.`);
      // Taken back meanwhile, or asked for anew by an admin.
      const isAnew = refunds.some((one) => one !== refund && one.exceptionId === refund?.exceptionId);
      if (refund?.state === 'refused' && (isAnew || (attempt?.timesUndone ?? 0) > 0)) continue;
      const isBack = refund?.state === 'succeeded' && opened?.state === 'resolved';
      const waits = refund?.state === 'manual_payout' && opened?.state === 'manual_payout';
      const failed = refund?.state === 'refused' && opened?.state === 'open';
      must(
        isBack || waits || failed,
        () => `${name}: its refund is ${refund?.state}, its case ${opened?.state}.`,
      );
    }

    for (const payment of this.#ledger()) {
      const { attemptId, amountRupiah } = payment;
      const ours = refunds.filter((one) => one.attemptId === attemptId);
      const sumOf = (some: readonly { amountRupiah: number }[]) =>
        some.reduce((sum, one) => sum + one.amountRupiah, 0);
      const succeeded = ours.filter(({ state }) => state === 'succeeded');
      must(returnedOf(payment) <= amountRupiah, () => `More of ${attemptId} went back than came.`);
      must(sumOf(succeeded) <= amountRupiah, () => `More of ${attemptId} went back than came, by hand.`);
      for (const [id, there] of payment.refunds) {
        if (there.isOutside) continue;
        const here = ours.find((one) => one.id === id);
        const expected = there.state === 'going' ? 'succeeded' : 'refused';
        must(
          here?.state === expected && here.amountRupiah === there.amountRupiah,
          () =>
            `The refund ${id} of ${there.amountRupiah} IDR is ${there.state} there and ${here?.state} here.`,
        );
      }
      for (const { id } of succeeded.filter((one) => !paidOut.has(one.id) && !one.id.startsWith('out-')))
        must(payment.refunds.has(id), () => `The refund ${id} went nowhere.`);
      // What its bank took back is all that a gateway says then.
      if (payment.isChargedBack || payment.isUnconfirmed) continue;
      const byGateway = sumOf(succeeded.filter(({ id }) => !paidOut.has(id)));
      must(
        byGateway === returnedOf(payment),
        () => `Of ${attemptId} ${returnedOf(payment)} IDR went back by refunds, and we know of ${byGateway}.`,
      );
      must(
        returnedOf(payment, 'outside') === 0 || exceptionOf(attemptId, 'external_refund') !== undefined,
        () => `Of ${attemptId} money was refunded elsewhere, and no case says so.`,
      );
    }
    for (const { id, attemptId, state } of refunds) {
      must(
        !['requested', 'sent', 'unknown', 'pending'].includes(state),
        () => `The refund ${id} ends as ${state}.`,
      );
      const attempt = await attemptById(db, attemptId);
      must(
        state !== 'manual_payout' || attempt?.state === 'paid',
        () => `The refund ${id} waits to be paid out, and its payment is ${attempt?.state}.`,
      );
      const isTwice = state === 'succeeded' && attempt?.state !== 'paid' && attempt !== undefined;
      const gone = refunds
        .filter((one) => one.attemptId === attemptId && one.state === 'succeeded')
        .reduce((sum, { amountRupiah }) => sum + amountRupiah, attempt?.takenBackRupiah ?? 0);
      must(
        !isTwice ||
          gone <= (attempt?.receivedRupiah ?? 0) ||
          exceptionOf(attemptId, 'paid_back_twice') !== undefined,
        () => `Of ${attemptId} ${gone} IDR went back, and no case says that it is too much.`,
      );
    }

    for (const { attemptId, reference, amountRupiah } of this.#transfers) {
      const attempt = await attemptById(db, attemptId);
      const isEntered = attempt?.transactionId === reference && attempt.receivedRupiah === amountRupiah;
      const outcome = attempt?.outcome ?? 'paid';
      const isKnown = isEntered
        ? outcome === 'paid' || exceptionOf(attemptId, outcome) !== undefined
        : exceptions.some((one) => one.attemptId === attemptId && one.subject.includes(reference));
      must(isKnown, () => `The transfer ${reference} of ${amountRupiah} IDR is entered nowhere.`);
    }

    for (const { orderId, state } of this.#orders) {
      const paying = this.#attempts.filter((one) => one.orderId === orderId && one.outcome === 'paid');
      must(paying.length <= 1, () => `${orderId} was paid by ${paying.map(({ id }) => id).join(' and ')}.`);
      const [by] = paying;
      const isOpen = exceptions.some((one) => one.attemptId === by?.id && one.state !== 'resolved');
      const back = refunds
        .filter((one) => one.attemptId === by?.id && one.state === 'succeeded')
        .reduce((sum, { amountRupiah }) => sum + amountRupiah, 0);
      const isTakenBack = by?.state === 'reversed' || by?.state === 'charged_back';
      const isRight =
        state === 'paid'
          ? by?.state === 'paid' && back < (by.receivedRupiah ?? 0)
          : state === 'shipped'
            ? by !== undefined
            : state === 'payment_hold'
              ? by !== undefined && isOpen
              : state === 'refunded'
                ? by !== undefined && back >= (by.receivedRupiah ?? 0)
                : state === 'cancelled'
                  ? by === undefined || isTakenBack || exceptionOf(by.id, 'paid_after_cancel') !== undefined
                  : (state === 'expired' || state === 'rejected') && by === undefined;
      must(
        isRight,
        () =>
          `${orderId} ends as ${state}, and its payment is ${by?.state ?? 'none'}, ${back} IDR of it back.`,
      );
      await this.#checkShipped(orderId, by);
      const { differences, sumRupiah } = await auditMoney(db, { orderId });
      must(
        differences.length === 0,
        () => `The money of ${orderId} differs: ${JSON.stringify(differences)}.`,
      );
      must(sumRupiah === 0, () => `The money of ${orderId} sums to ${sumRupiah}.`);
    }

    const [stock] = await auditStock(db, sku);
    const sold = this.#orders.filter(({ state }) => state === 'paid' || state === 'payment_hold').length;
    must(
      stock !== undefined &&
        stock.reserved === 0 &&
        stock.committed === sold &&
        stock.onHand >= sold &&
        stock.ledgerReserved === stock.reserved &&
        stock.ledgerCommitted === stock.committed &&
        stock.ledgerOnHand === stock.onHand &&
        stock.gaps === 0,
      () => `The stock is ${JSON.stringify(stock)}, and ${sold} are sold.`,
    );
    const jobs = this.#jobs.filter(({ state }) => state === 'waiting').map(({ name }) => name);
    must(jobs.length === 0, () => `Jobs are left: ${jobs.join(', ')}.`);
  }

  /** Nothing is sent while all that was paid for it is on its way back. */
  async #checkShipped(orderId: string, by: PaymentAttempt | undefined): Promise<void> {
    const shipped = await this.#db
      .selectFrom('orderTransitions')
      .select('at')
      .where('orderId', '=', orderId)
      .where('toState', '=', 'shipped')
      .executeTakeFirst();
    if (shipped === undefined || by === undefined) return;
    const before = await this.#db
      .selectFrom('refunds')
      .select((eb) => eb.fn.sum<number>('amountRupiah').as('rupiah'))
      .where('attemptId', '=', by.id)
      .where('state', '<>', 'refused')
      .where('createdAt', '<', shipped.at)
      .executeTakeFirst();
    must(
      (before?.rupiah ?? 0) < (by.receivedRupiah ?? 0),
      () => `${orderId} was shipped while ${before?.rupiah} IDR of it went back.`,
    );
  }
}

/** As a status record or PostgreSQL shows it. */
interface SeenPayment {
  attemptId?: string;
  gateway?: string;
  url?: string | null;
  transfer?: { amount: number } | null;
}

function must(isSo: boolean, otherwise: () => string): void {
  if (!isSo) throw new ViolationError(otherwise());
}

const picked = <T>(from: readonly T[], pick: number): T | undefined => from[pick % Math.max(from.length, 1)];
const isTransfer = ({ gateway }: PaymentAttempt): boolean => gateway === 'bank_transfer';
/** What led to it, and the last that happened while all was well again. */
function shortened(trace: readonly string[]): string[] {
  const quiet = trace.indexOf('quiet');
  return quiet < 0
    ? [...trace]
    : [...trace.slice(0, quiet + 25), '    …', ...trace.slice(quiet + 25).slice(-10)];
}

/** An order's id is nothing that a reader of a trace wants. */
const short = (id: string): string => id.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '');

/** Two jobs of one order began an attempt at once: the index lets one of them. */
function isExpectedRace(error: unknown): boolean {
  const { code, constraint } = (error ?? {}) as { code?: unknown; constraint?: unknown };
  return code === '23505' && /payment_attempts/.test(String(constraint));
}
