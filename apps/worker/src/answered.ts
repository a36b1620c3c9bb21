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

/** The command that waits for a job, by its request id; none where one of the two is missing. */
export interface AnswerTo {
  job: AwaitedJob;
  requestId?: string | undefined;
  fingerprint?: string | undefined;
}

/** Where the outcome of a job goes. */
export const answerTo = (
  job: AwaitedJob,
  { requestId, fingerprint }: Pick<AnswerTo, 'requestId' | 'fingerprint'>,
): AnswerTo => ({ job, requestId, fingerprint });

/**
 * A handler that writes what became of its job, for the operator's command that waits for it (see packages/backoffice). A
 * worker that dies between the job's commit and this row leaves the job to another one, which answers the same: see
 * `answerAll`. A job that has failed for good is answered too.
 */
export function answered<N extends AwaitedJob>(
  { db, gate }: { db: Kysely<Database>; gate: Pick<DatabaseGate, 'through'> },
  job: N,
  run: (payload: JobPayload<N>) => Promise<JobOutcomes[N]>,
): Handler<N> {
  return async (payload, { attempt }) => {
    const answer = (outcome: { kind: string; code?: string }) =>
      gate.through(() => save(db, answerTo(job, payload), outcome));
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
 * Writes outcomes in the transaction of the changes that they are of: a second run of such a job finds the change made,
 * and could not tell that it was its own.
 */
export async function answerAll(
  trx: Transaction<Database>,
  answers: readonly { to: AnswerTo | undefined; kind: string | undefined }[],
): Promise<void> {
  await Promise.all(
    answers.map(async ({ to, kind }) => {
      if (to !== undefined && kind !== undefined) await save(trx, to, { kind });
    }),
  );
}

async function save(
  db: Kysely<Database>,
  { job, requestId, fingerprint }: AnswerTo,
  outcome: { kind: string; code?: string },
): Promise<void> {
  if (requestId === undefined || fingerprint === undefined) return;
  await saveCommandOutcome(db, { requestId, job, fingerprint, outcome });
}

/** No message: it may quote what was entered. */
function codeOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && /^\w{1,64}$/.test(code) ? code : 'internal_error';
}
