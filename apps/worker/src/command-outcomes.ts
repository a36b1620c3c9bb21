import { type Database, type Kysely, saveCommandOutcome, type Transaction } from '@antrean/db';
import {
  type AwaitedJob,
  type Handler,
  type JobOutcomes,
  type JobPayload,
  JOBS,
  RetryLaterError,
} from '@antrean/queue';
import type { DatabaseGate } from './database-gate.ts';

/**
 * Where a job's outcome is stored for the operator's command that waits for it. Without request id or fingerprint, no
 * command waits.
 */
export interface OutcomeKey {
  job: AwaitedJob;
  requestId?: string | undefined;
  fingerprint?: string | undefined;
}

/** The key under which the outcome of a job is stored. */
export const outcomeKey = (
  job: AwaitedJob,
  { requestId, fingerprint }: Pick<OutcomeKey, 'requestId' | 'fingerprint'>,
): OutcomeKey => ({ job, requestId, fingerprint });

/**
 * A handler that stores the outcome of its job for the operator's command that waits for it (see
 * packages/backoffice). If a worker dies between the job's commit and this row, the retried job stores the same
 * outcome: see `saveOutcomes`. A job that has failed for good has an outcome too.
 */
export function withOutcome<N extends AwaitedJob>(
  { db, gate }: { db: Kysely<Database>; gate: Pick<DatabaseGate, 'through'> },
  job: N,
  run: (payload: JobPayload<N>) => Promise<JobOutcomes[N]>,
): Handler<N> {
  return async (payload, { attempt }) => {
    const answer = (outcome: { kind: string; code?: string }) =>
      gate.through(() => save(db, outcomeKey(job, payload), outcome));
    let kind: JobOutcomes[N];
    try {
      kind = await gate.through(() => run(payload));
    } catch (error) {
      const isFinal = attempt >= JOBS[job].attempts && !(error instanceof RetryLaterError);
      if (isFinal) await answer({ kind: 'failed', code: codeOf(error) });
      throw error;
    }
    await answer({ kind });
  };
}

/**
 * Stores outcomes in the transaction of their changes. A second run of such a job finds the change already made, and
 * cannot tell that it made it itself.
 */
export async function saveOutcomes(
  trx: Transaction<Database>,
  answers: readonly { to: OutcomeKey | undefined; kind: string | undefined }[],
): Promise<void> {
  await Promise.all(
    answers.map(async ({ to, kind }) => {
      if (to !== undefined && kind !== undefined) await save(trx, to, { kind });
    }),
  );
}

async function save(
  db: Kysely<Database>,
  { job, requestId, fingerprint }: OutcomeKey,
  outcome: { kind: string; code?: string },
): Promise<void> {
  if (requestId === undefined || fingerprint === undefined) return;
  await saveCommandOutcome(db, { requestId, job, fingerprint, outcome });
}

/** Without the message, as it may quote the input. */
function codeOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && /^\w{1,64}$/.test(code) ? code : 'internal_error';
}
