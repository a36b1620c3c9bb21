import { openDatabase, saveCommandOutcome } from '@antrean/db';
import { testDatabase } from '@antrean/testing/vitest';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runJob } from '../src/command.ts';
import type { BackofficeContext } from '../src/context.ts';

let database: Awaited<ReturnType<typeof testDatabase>>;
let db: ReturnType<typeof openDatabase>;
beforeAll(async () => {
  database = await testDatabase();
  db = openDatabase({ url: database.url, maxConnections: 2 });
});
afterAll(async () => {
  await db.destroy();
  await database.drop();
});

const input = { orderId: '019ae0d1-0000-7000-8000-000000000000', reason: 'x' };
type Added = { requestId?: string | undefined; fingerprint?: string | undefined; jobId: string };

/** A context whose queue passes its jobs to `work`. */
const contextOf = (work: (added: Added) => void, more: object = {}) =>
  ({
    db,
    actor: 'operator test',
    producer: {
      async add(_: string, payload: Omit<Added, 'jobId'>, jobId: string) {
        work({ ...payload, jobId });
      },
    },
    ...more,
  }) as BackofficeContext;
const voiding = (
  context: BackofficeContext,
  request: { requestId: string; waitMs: number },
  prepare: () => Promise<typeof input | 'kept'> = async () => input,
) => runJob(context, request, { job: 'void-order', asked: input, prepare });
const answer = ({ requestId = '', fingerprint = '' }: Added, kind: string) =>
  saveCommandOutcome(db, { requestId, fingerprint, job: 'void-order', outcome: { kind } });

it('a command adds a job under an id made from its request id, and waits for its outcome', async () => {
  const added: Added[] = [];
  const context = contextOf((job) => added.push(job));
  let readsAfterAdd = 0;
  Object.defineProperty(context, 'db', {
    get: () => {
      const [job] = added;
      // The worker answers once the command has looked for the outcome in vain.
      if (job !== undefined && (readsAfterAdd += 1) === 2) void answer(job, 'voided');
      return db;
    },
  });
  expect(await voiding(context, { requestId: 'waits', waitMs: 5_000 })).toEqual({ kind: 'voided' });
  expect(await voiding(context, { requestId: 'waits', waitMs: 5_000 })).toEqual({ kind: 'voided' });
  expect(added).toMatchObject([{ jobId: 'void-order-waits', requestId: 'waits' }]);
});

it('a command waits no longer than `waitMs`', async () => {
  const startedAt = performance.now();
  const request = { requestId: 'bounded', waitMs: 300 };
  expect(
    await voiding(
      contextOf(() => undefined),
      request,
    ),
  ).toEqual({
    ...{ kind: 'not_known_yet', requestId: 'bounded' },
  });
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(299);
  expect(performance.now() - startedAt).toBeLessThan(3_000);
});

it('a command returns the outcome of its own job, not an early refusal because of it', async () => {
  const request = { requestId: 'raced', waitMs: 5_000 };
  const jobs: Added[] = [];
  expect(
    (
      await voiding(
        contextOf((job) => jobs.push(job)),
        { ...request, waitMs: 0 },
      )
    ).kind,
  ).toBe('not_known_yet');
  const [job] = jobs;
  // The job commits between the command's two reads of the outcome, after which `prepare` finds nothing to do.
  const again = await voiding(
    contextOf(() => undefined),
    request,
    async () => {
      if (job !== undefined) await answer(job, 'voided');
      return 'kept';
    },
  );
  expect(again).toEqual({ kind: 'voided' });
  expect(
    await voiding(
      contextOf(() => undefined),
      { requestId: 'refused', waitMs: 0 },
      async () => 'kept',
    ),
  ).toEqual({ kind: 'kept' });
});

it('a command goes on waiting while PostgreSQL is away', async () => {
  const away = openDatabase({ url: 'postgres://127.0.0.1:9/none', maxConnections: 1 });
  let queued: Added | undefined;
  let readsWhileAway = 0;
  const context = contextOf((job) => {
    queued = job;
  });
  Object.defineProperty(context, 'db', {
    get: () => {
      if (queued === undefined || readsWhileAway === 3) return db;
      readsWhileAway += 1;
      // PostgreSQL answers again from the next read on.
      if (readsWhileAway === 3) void answer(queued, 'voided');
      return away;
    },
  });
  expect(await voiding(context, { requestId: 'away', waitMs: 10_000 })).toEqual({ kind: 'voided' });
  expect(readsWhileAway).toBe(3);
  await away.destroy();
});

it('a command adds no job whose payload its worker could not parse', async () => {
  const added: Added[] = [];
  const context = contextOf((job) => added.push(job));
  const damaged = async () => ({ ...input, orderId: 'no-uuid' });
  const request = { requestId: 'damaged', waitMs: 0 };
  await expect(voiding(context, request, damaged)).rejects.toThrow('Invalid UUID');
  expect(added).toEqual([]);
});
