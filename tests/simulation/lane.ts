import { randomUUID } from 'node:crypto';
import { addProducts, type Database, type Kysely, openDatabase } from '@antrean/db';
import { aProduct, sql } from '@antrean/testing';
import { act, operatorReviews, deliver, payFirst, place } from './acts.ts';
import { checkEnd } from './end-state.ts';
import { Invariants, isWaitingForLink } from './invariants.ts';
import { MINUTE, type ModelCounts, type Schedule, SECOND } from './schedule.ts';
import { ViolationError } from './violation.ts';
import { PRICE_RUPIAH, World } from './world.ts';

const START = Date.parse('2030-01-01T00:00:00Z');
/** After this time no job asks gateways any more. */
const QUIET_MS = 80 * 60 * MINUTE;

/** Paid attempts are checked for up to four months, in case the webhook of a chargeback or refund was lost. */
const LONGEST_CHECK_MS = 130 * 24 * 60 * MINUTE;

/** A database that executes runs one after the other. */
export interface Lane {
  readonly counts: ModelCounts;
  /** Throws a ViolationError. */
  run(schedule: Schedule): Promise<void>;
  close(): Promise<void>;
}

/** Opens a lane on a database with the newest schema that nothing else uses: its `now()` becomes the model's clock. */
export async function openLane(url: string): Promise<Lane> {
  const setUp = openDatabase({ url, maxConnections: 1 });
  try {
    await takeOverClock(setUp);
  } finally {
    await setUp.destroy();
  }
  const db = openDatabase({ url, maxConnections: 6 });
  const counts: ModelCounts = {
    ...{ runs: 0, jobs: 0, crashes: 0, faults: 0, parked: 0, payments: 0, exceptions: 0 },
  };
  let lastMs = START;
  return {
    counts,
    async run(schedule) {
      counts.runs += 1;
      // Orders of an earlier failed run are not swept in this one.
      await sql`update orders set due_at = null where due_at is not null`.execute(db);
      await sql`update payment_attempts set next_poll_at = null where next_poll_at is not null`.execute(db);
      await sql`update refunds set due_at = null where due_at is not null`.execute(db);
      const { refundFaults, refundTakesHours, customerFeeRupiah } = schedule;
      const refundTakesMs = refundTakesHours * 60 * MINUTE;
      const world = new World(db, counts, {
        startMs: lastMs + MINUTE,
        refundFaults,
        refundTakesMs,
        customerFeeRupiah,
      });
      try {
        await play(world, schedule);
      } finally {
        lastMs = world.nowMs;
      }
    },
    close: () => db.destroy(),
  };
}

/** Makes `now()` in statements and column defaults return the model's clock. */
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

async function play(world: World, { method, paidBy, onHand, steps, isPaidOut }: Schedule): Promise<void> {
  const { workers, trace } = world;
  const invariants = new Invariants(world);
  const look = async () => {
    await world.observe();
    await invariants.checkEachStep();
  };
  try {
    await world.advance(0);
    const sku = `MODEL-${randomUUID()}`;
    await addProducts(world.db, [aProduct(sku, { priceRupiah: PRICE_RUPIAH, onHand })]);
    await place(world, sku, method);
    await world.observe();
    if (paidBy !== null) await payFirst(world, paidBy);
    for (const step of steps) {
      trace.push(`+${(world.nowMs - START) / SECOND}s ${step.act} ${step.pick}`);
      workers.begin(step);
      world.nextRefund = step.pick === 11 ? 'refused' : step.pick === 10 ? 'failing' : 'going';
      await act(world, step, { sku, look });
      await look();
    }
    trace.push('quiet');
    await settle(world, { isPaidOut, look });
    await checkEnd(world, sku);
  } catch (error) {
    if (!(error instanceof ViolationError)) throw error;
    throw new ViolationError(`${error.message}\n${shortened(trace).join('\n')}`);
  } finally {
    for (const parked of workers.parked.splice(0)) {
      parked.die();
      await parked.ended;
    }
  }
}

/** Ends a run without further faults: late requests take effect, webhooks are delivered, and time passes. */
async function settle(
  world: World,
  { isPaidOut, look }: { isPaidOut: boolean; look: () => Promise<void> },
): Promise<void> {
  const { workers, late, webhooks } = world;
  workers.begin({ faults: [], crashAt: 0, parkAt: 0 });
  world.nextRefund = 'going';
  world.troubles.clear();
  let endMs = world.nowMs + QUIET_MS;
  const foreverMs = world.nowMs + LONGEST_CHECK_MS;
  for (let round = 0; round < 250; round += 1) {
    while (workers.parked[0] !== undefined) await workers.goOn(workers.parked[0], true);
    for (const effect of late.splice(0)) effect();
    while (webhooks[0] !== undefined) deliver(world, webhooks[0]);
    await workers.workOff();
    await look();
    const nextMs = await world.nextMs();
    if (nextMs === undefined || nextMs > Math.max(endMs, world.hasUnseenReturn() ? foreverMs : 0)) {
      const isDone = !(await operatorReviews(world, { isPaidOut }));
      if (isDone && webhooks.length + workers.parked.length + late.length === 0) return;
      endMs = world.nowMs + QUIET_MS;
      continue;
    }
    // Time passes in growing steps; jobs that become due within a step run late.
    const atLeastMs = Math.min(10 * SECOND * 2 ** round, 360 * MINUTE);
    const isLinkless = world.orders.some((order) => isWaitingForLink(order, world.nowMs));
    if (isLinkless) world.healthyMs += 10 * SECOND;
    await world.advance(isLinkless ? 10 : Math.max(atLeastMs, nextMs - world.nowMs) / SECOND);
    // Lets gateways announce what has expired.
    for (const { id } of world.attempts) for (const gateway of world.gateways) gateway.payable(id);
    await workers.sweep();
  }
  throw new ViolationError('Jobs, webhooks or requests never ended.');
}

/** The trace before the quiet time, and its last lines. */
function shortened(trace: readonly string[]): string[] {
  const quiet = trace.indexOf('quiet');
  return quiet < 0
    ? [...trace]
    : [...trace.slice(0, quiet + 25), '    …', ...trace.slice(quiet + 25).slice(-10)];
}
