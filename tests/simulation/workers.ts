import { DEFAULT_TRANSFER_POLICY } from '@antrean/domain';
import type { Database, Kysely } from '@antrean/db';
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
  sweepOrders,
  sweepPaymentEvents,
  sweepPayments,
} from '@antrean/worker';
import pino from 'pino';
import type { Fault, SimulatedGateway } from './gateways.ts';
import { type ModelCounts, SECOND, type Step } from './schedule.ts';
import { ViolationError } from './violation.ts';

const ACCOUNTS = [{ bank: 'BCA', accountNumber: '1234567890', accountHolder: 'Toko' }];
const MAX_PARKED = 3;
/** Jobs that this model never adds. */
const NEVER_ADDED: readonly JobName[] = ['reserve-order', 'receive-stock', 'settlement-report'];
/** No call to a gateway takes longer, unless its process is paused. */
const LEASE_MS = 40 * SECOND;

/** The payment fields of a status record or of PostgreSQL. */
export interface SeenPayment {
  attemptId?: string;
  gateway?: string;
  url?: string | null;
  transfer?: { amount: number } | null;
}

/** The model's side of the workers. */
export interface Surroundings {
  readonly nowMs: number;
  readonly db: Kysely<Database>;
  readonly counts: ModelCounts;
  readonly trace: string[];
  readonly gateways: readonly SimulatedGateway[];
  /** A customer sees this payment. */
  see(orderId: string, payment: SeenPayment | null | undefined): void;
}

export interface Job {
  name: JobName;
  payload: unknown;
  id: string;
  /** Failed attempts. */
  tries: number;
  atMs: number;
  state: 'waiting' | 'running' | 'over';
}

/** A paused job. */
export interface Parked {
  job: Job;
  sinceMs: number;
  ended: Promise<void>;
  goOn: () => void;
  die: () => void;
}

/** The worker of a job crashed, and lost its memory. */
class CrashError extends Error {
  readonly code = 'crash';
}

/**
 * Workers that run the real handlers, one job at a time. At each statement, message, publication and call a worker may crash
 * or be paused, as the step says.
 */
export class Workers {
  readonly jobs: Job[] = [];
  readonly parked: Parked[] = [];
  readonly deps: JobDependencies;
  /** How often a paused job went on. */
  resumed = 0;
  /** A late call may still withdraw the link of a later one at Snap. */
  isLinkUnsure = false;
  /** While true, no gateway answers. */
  isOutage = false;
  readonly #around: Surroundings;
  readonly #handlers: Handlers;
  readonly #producer: Pick<Producer, 'add' | 'addAll' | 'waitingCount'>;
  readonly #overslept = new Set<Job>();
  readonly #refundFaults: Fault[];
  #serial = 0;
  #active: Job | undefined;
  #onPark: (() => void) | undefined;
  #transactions = 0;

  // Of the current step.
  #faults: Fault[] = [];
  #points = 0;
  #crashAt = 0;
  #parkAt = 0;

  constructor(around: Surroundings, refundFaults: readonly Fault[]) {
    this.#around = around;
    this.#refundFaults = [...refundFaults];
    const db = this.#watched(around.db);
    const now = () => new Date(around.nowMs);
    this.#producer = {
      add: async (name, payload, jobId) => {
        await this.#point();
        this.add(name, payload, jobId);
        await this.#point();
      },
      addAll: async (name, jobs) => {
        await this.#point();
        for (const { payload, jobId } of jobs) this.add(name, payload, jobId);
        await this.#point();
      },
      waitingCount: () => Promise.resolve(0),
    };
    this.deps = {
      ...{
        db,
        now,
        producer: this.#producer,
        gateways: around.gateways,
        transferAccounts: ACCOUNTS,
        transferPolicy: DEFAULT_TRANSFER_POLICY,
        gatewayIdPrefix: '',
      },
      records: {
        publish: async (records) => {
          await this.#point();
          for (const { status } of records) around.see(status.orderId, status.payment);
          await this.#point();
          return [];
        },
      },
      stock: { touch: () => undefined },
      orderCommands: new MicroBatcher({
        run: (batch) =>
          this.#inTransaction(
            () => applyOrderCommands(db, batch, { now }),
            // A job paused there would block all other changes.
            false,
          ),
        maxBatchSize: 1,
        maxWaitMs: 0,
      }),
      log: pino({ level: 'silent' }),
    };
    this.#handlers = createHandlers(this.deps, {
      gate: { through: (work) => work() },
      reservations: {
        submit: () => Promise.reject(new ViolationError('Orders are placed without this job.')),
      },
    });
  }

  /** Sets the faults of the next step. */
  begin({ faults, crashAt, parkAt }: Pick<Step, 'faults' | 'crashAt' | 'parkAt'>): void {
    this.#faults = [...faults];
    this.#points = 0;
    this.#crashAt = crashAt;
    this.#parkAt = parkAt;
  }

  /** No fault is pending. */
  get isHealthy(): boolean {
    return !this.isOutage && this.#faults.length === 0 && this.parked.length === 0 && this.#crashAt === 0;
  }

  /** Adds a job for a request from outside. */
  ask<N extends JobName>(name: N, payload: JobPayload<N>): void {
    this.#serial += 1;
    this.add(name, payload, `asked-${this.#serial}`);
  }

  /** A job id is added once. */
  add(name: JobName, payload: unknown, id: string): void {
    if (this.jobs.some((job) => job.id === id)) return;
    this.jobs.push({ name, payload, id, tries: 0, atMs: this.#around.nowMs, state: 'waiting' });
  }

  /** For the sweeper, which is no job: it is neither paused nor killed. */
  faultlessProducer(): Pick<Producer, 'add' | 'addAll' | 'waitingCount'> {
    return {
      ...this.#producer,
      add: async (name, payload, id) => this.add(name, payload, id),
      addAll: async (name, jobs) => {
        for (const { payload, jobId } of jobs) this.add(name, payload, jobId);
      },
    };
  }

  waiting(): Job[] {
    return this.jobs.filter(({ state, atMs }) => state === 'waiting' && atMs <= this.#around.nowMs);
  }

  async sweep(): Promise<void> {
    const { log, now } = this.deps;
    const deps = { db: this.#around.db, producer: this.faultlessProducer(), log, now };
    await sweepOrders(deps);
    await sweepPayments(deps);
    await sweepPaymentEvents(deps);
  }

  /** Runs all waiting jobs; resolves with their number. */
  async workOff(): Promise<number> {
    for (let n = 0; n < 200; n += 1) {
      const job = this.waiting()[0];
      if (job === undefined) return n;
      await this.execute(job);
    }
    throw new ViolationError('Jobs add further jobs without end.');
  }

  /** Resolves when the job has ended or is paused. */
  async execute(job: Job): Promise<void> {
    job.state = 'running';
    this.#around.counts.jobs += 1;
    this.#active = job;
    await this.#untilParked(this.#end(job));
  }

  /** Resumes a paused job, or crashes its worker. */
  async goOn(parked: Parked, lives: boolean): Promise<void> {
    this.parked.splice(this.parked.indexOf(parked), 1);
    this.#active = parked.job;
    this.resumed += 1;
    if (this.#around.nowMs - parked.sinceMs > LEASE_MS) this.#overslept.add(parked.job);
    if (lives) parked.goOn();
    else parked.die();
    await this.#untilParked(parked.ended);
  }

  /** The fault of the next request to a gateway. */
  nextFault(operation: string): Fault {
    if (this.isOutage) return 'lost';
    if (this.#active !== undefined && this.#overslept.has(this.#active)) this.isLinkUnsure = true;
    const faults = operation === 'refund' ? this.#refundFaults : this.#faults;
    const fault = faults.shift() ?? 'none';
    // Our code cannot undo a request that arrives late.
    if (fault === 'late' || fault === 'slow_to_arrive') this.isLinkUnsure = true;
    if (fault !== 'none') this.#around.counts.faults += 1;
    return fault;
  }

  crash(): never {
    this.#around.counts.crashes += 1;
    throw new CrashError('crash');
  }

  /** Pauses the running job, unless enough jobs are paused. */
  async park(): Promise<void> {
    if (this.#active === undefined || this.parked.length >= MAX_PARKED) return;
    const job = this.#active;
    const { counts, trace, nowMs } = this.#around;
    counts.parked += 1;
    trace.push(`    ${job.name} ${short(job.id)}: parked`);
    await new Promise<void>((resolve, reject) => {
      const die = () => {
        counts.crashes += 1;
        reject(new CrashError('killed'));
      };
      this.parked.push({ job, sinceMs: nowMs, ended: Promise.resolve(), goOn: resolve, die });
      this.#onPark?.();
    });
  }

  async #end(job: Job): Promise<void> {
    try {
      await this.#handle(job);
    } catch (error) {
      return this.#failed(job, error);
    }
    job.state = 'over';
    this.#around.trace.push(`    ${job.name} ${short(job.id)}: done`);
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
    const last = this.parked.at(-1);
    if (how === 'parked' && last !== undefined) last.ended = ended;
    this.#active = undefined;
    if (failure !== undefined) throw failure;
  }

  #handle(job: Job): Promise<void> {
    if (NEVER_ADDED.includes(job.name)) throw new ViolationError(`${job.name} was added unexpectedly.`);
    // `add` and `ask` pair each name with its payload.
    const handle = this.#handlers[job.name] as (
      payload: unknown,
      context: { jobId: string; attempt: number },
    ) => Promise<void>;
    return handle(job.payload, { jobId: job.id, attempt: job.tries + 1 });
  }

  #failed(job: Job, error: unknown): void {
    const { trace, nowMs } = this.#around;
    trace.push(`    ${job.name} ${short(job.id)}: ${error instanceof Error ? error.message : String(error)}`);
    job.state = 'waiting';
    if (error instanceof CrashError) return;
    if (error instanceof RetryLaterError) {
      job.atMs = nowMs + error.delayMs;
      return;
    }
    const { attempts, backoffMs } = JOBS[job.name];
    job.atMs = nowMs + backoffMs * 2 ** job.tries;
    job.tries += 1;
    if (job.tries >= attempts) job.state = 'over';
    if (error instanceof PaymentNotReadyError || isExpectedRace(error)) return;
    throw new ViolationError(`${job.name} failed: ${error instanceof Error ? error.stack : String(error)}`);
  }

  /** Called before and after each statement, message and publication of a job. */
  async #point(): Promise<void> {
    this.#crashPoint();
    if (this.#points === this.#parkAt && this.#transactions === 0) await this.park();
  }

  #crashPoint(): void {
    if (this.#active === undefined) return;
    this.#points += 1;
    if (this.#points === this.#crashAt) this.crash();
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
}

/** Removes the order's id, which is noise in a trace. */
const short = (id: string): string => id.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '');

/** Two jobs of one order began an attempt at once: the unique index admits one of them. */
function isExpectedRace(error: unknown): boolean {
  const { code, constraint } = (error ?? {}) as { code?: unknown; constraint?: unknown };
  return code === '23505' && /payment_attempts/.test(String(constraint));
}
