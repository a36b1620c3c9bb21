import { addProducts, findCommandOutcome, openDatabase, openPaymentExceptions } from '@antrean/db';
import { JOBS, RetryLaterError } from '@antrean/queue';
import { testDatabase } from '@antrean/testing/vitest';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withOutcome, outcomeKey } from '../src/command-outcomes.ts';
import { openException } from '../src/jobs/open-exception.ts';
import { resolveException } from '../src/jobs/resolve-exception.ts';
import { applyOrderCommands } from '../src/order-commands.ts';

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

const log = pino({ level: 'silent' });
/** The exceptions of these tests have no order, so nothing is published. */
const resolving = () => ({
  ...{ db, log, now: () => new Date(), records: { publish: () => Promise.resolve([]) } },
  producer: { add: () => Promise.resolve(), addAll: () => Promise.resolve() },
});
const gate = { through: <T>(work: () => Promise<T>) => work() };
const held = { orderId: '019ae0d1-0000-7000-8000-000000000000', reason: 'x', requestedBy: 'operator test' };
const { attempts } = JOBS['release-order'];
const outcomeOf = async (requestId: string) => (await findCommandOutcome(db, requestId))?.outcome;

/** The handler of `release-order` with another function in place of the job. */
const releasing = (run: () => Promise<'released' | 'kept'>) =>
  withOutcome({ db, gate }, 'release-order', run);
const failing = (error: Error) =>
  releasing(async () => {
    throw error;
  });

describe('a handler with an outcome', () => {
  it('stores the outcome of its job under the request id, once', async () => {
    const job = { ...held, requestId: 'once', fingerprint: 'f' };
    await releasing(async () => 'released')(job, { jobId: 'j', attempt: 1 });
    // After a crash before the job was completed.
    await releasing(async () => 'kept')(job, { jobId: 'j', attempt: 1 });
    expect(await findCommandOutcome(db, 'once')).toMatchObject({
      ...{ job: 'release-order', fingerprint: 'f', outcome: { kind: 'released' } },
    });
  });

  it('stores nothing when no command waits for it', async () => {
    await releasing(async () => 'released')({ ...held, requestId: 'traced' }, { jobId: 'j', attempt: 1 });
    expect(await outcomeOf('traced')).toBeUndefined();
  });

  it('stores a failure with its code, but without its message, once no attempt is left', async () => {
    const job = { ...held, requestId: 'failing', fingerprint: 'f' };
    const error = Object.assign(new Error('siti@example.test'), { code: 'payment_not_ready' });
    const handler = failing(error);
    await expect(handler(job, { jobId: 'j', attempt: attempts - 1 })).rejects.toThrow(error);
    expect(await outcomeOf('failing')).toBeUndefined();
    await expect(handler(job, { jobId: 'j', attempt: attempts })).rejects.toThrow(error);
    expect(await outcomeOf('failing')).toEqual({ kind: 'failed', code: 'payment_not_ready' });
    // An operator has retried the job.
    await releasing(async () => 'released')(job, { jobId: 'j', attempt: attempts + 1 });
    expect(await outcomeOf('failing')).toEqual({ kind: 'released' });
  });

  it('stores nothing for a job that is only returned, and internal_error for an error without a code', async () => {
    const job = { ...held, requestId: 'going-back', fingerprint: 'f' };
    const back = new RetryLaterError('PostgreSQL is away', 0);
    await expect(failing(back)(job, { jobId: 'j', attempt: attempts })).rejects.toThrow(back);
    expect(await outcomeOf('going-back')).toBeUndefined();
    await expect(failing(new Error('bug'))(job, { jobId: 'j', attempt: attempts })).rejects.toThrow('bug');
    expect(await outcomeOf('going-back')).toEqual({ kind: 'failed', code: 'internal_error' });
  });
});

describe('an order command', () => {
  it('stores its outcome in its own transaction, so that a second run does not change it', async () => {
    await addProducts(db, [{ sku: 'KOPI', name: 'Kopi', description: '', priceRupiah: 1, onHand: 0 }]);
    const to = outcomeKey('receive-stock', { requestId: 'receive-1', fingerprint: 'f' });
    const goods = { sku: 'KOPI', quantity: 4, reference: 'DELIVERY-1', actor: 'operator test', reason: 'x' };
    const command = { kind: 'receive', ...goods, outcomeKey: to } as const;
    expect(await applyOrderCommands(db, [command])).toEqual(['received']);
    expect(await applyOrderCommands(db, [command])).toEqual(['known']);
    expect(await outcomeOf('receive-1')).toEqual({ kind: 'received' });
  });

  it('that is rolled back with its batch stores no outcome', async () => {
    const to = outcomeKey('void-order', { requestId: 'void-1', fingerprint: 'f' });
    const nowhere = { kind: 'void', orderId: held.orderId, actor: 'operator test', reason: 'x' } as const;
    await expect(applyOrderCommands(db, [{ ...nowhere, outcomeKey: to }])).rejects.toThrow(
      'not in the database',
    );
    expect(await outcomeOf('void-1')).toBeUndefined();
  });
});

describe('payment exceptions', () => {
  const requestedBy = 'operator test';
  const stray = { amountRupiah: 5_000, bankReference: 'LINE 1', note: 'no such order', requestedBy };
  const stateOf = (subject: string) =>
    db
      .selectFrom('paymentExceptions')
      .select(['id', 'state', 'resolvedBy', 'resolution', 'amountRupiah', 'detail'])
      .where('subject', '=', subject)
      .execute();

  it('are opened once for a line, with the same outcome after a crash', async () => {
    const job = { ...stray, requestId: 'open-1', fingerprint: 'f' };
    expect(await openException({ db, log }, job)).toBe('opened');
    const again = withOutcome({ db, gate }, 'open-exception', (payload) =>
      openException({ db, log }, payload),
    );
    await again(job, { jobId: 'j', attempt: 1 });
    expect(await outcomeOf('open-1')).toEqual({ kind: 'opened' });
    expect(await openException({ db, log }, { ...stray, amountRupiah: 6_000 })).toBe('known');
    expect(await stateOf('line LINE 1')).toMatchObject([
      {
        ...{ state: 'open', amountRupiah: 5_000 },
        detail: '5000 IDR arrived at the bank as LINE 1, reported by operator test: no such order.',
      },
    ]);
  });

  it('are not opened for a line that is booked for a transfer', async () => {
    const twice = {
      kind: 'second_payment',
      subject: 'attempt-1 LINE 2',
      gateway: 'bank_transfer',
      ...{ orderId: null, attemptId: null, amountRupiah: 5_000, detail: '' },
    } as const;
    await openPaymentExceptions(db, [twice]);
    expect(await openException({ db, log }, { ...stray, bankReference: 'LINE 2' })).toBe('line_used');
    expect(await stateOf('line LINE 2')).toEqual([]);
  });

  it('are resolved once, with the same outcome after a crash', async () => {
    await openException({ db, log }, { ...stray, bankReference: 'LINE 3' });
    const [opened] = await stateOf('line LINE 3');
    const resolution = { exceptionId: opened?.id ?? 0, resolution: 'sent back', requestedBy };
    const job = { ...resolution, requestId: 'resolve-1', fingerprint: 'f' };
    expect(await resolveException(resolving(), job)).toBe('resolved');
    const again = withOutcome({ db, gate }, 'resolve-exception', (payload) =>
      resolveException(resolving(), payload),
    );
    await again(job, { jobId: 'j', attempt: 1 });
    expect(await outcomeOf('resolve-1')).toEqual({ kind: 'resolved' });
    expect(await resolveException(resolving(), { ...resolution, resolution: 'kept' })).toBe('not_open');
    expect(await stateOf('line LINE 3')).toMatchObject([
      { state: 'resolved', resolvedBy: requestedBy, resolution: 'sent back' },
    ]);
  });

  it('are not resolved while a refund is in progress or a manual refund is awaited', async () => {
    for (const [state, answer] of [
      ['refunding', 'refund_under_way'],
      ['manual_refund', 'manual_refund_awaited'],
    ] as const) {
      const bankReference = `LINE ${state}`;
      await openException({ db, log }, { ...stray, bankReference });
      const [opened] = await stateOf(`line ${bankReference}`);
      const exceptionId = opened?.id ?? 0;
      await db.updateTable('paymentExceptions').set({ state }).where('id', '=', exceptionId).execute();
      const job = { exceptionId, resolution: 'x', requestedBy };
      expect(await resolveException(resolving(), job), state).toBe(answer);
      expect(await stateOf(`line ${bankReference}`)).toMatchObject([{ state, resolution: null }]);
    }
    const none = { exceptionId: 1_000_000, resolution: 'x', requestedBy };
    expect(await resolveException(resolving(), none)).toBe('not_open');
  });
});
