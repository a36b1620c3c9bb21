import { hash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { findCommandOutcome, isDatabaseUnavailable } from '@antrean/db';
import type { AwaitedJob, JobOutcomes, JobPayload } from '@antrean/queue';
import { z } from 'zod';
import type { BackofficeContext } from './context.ts';

/** Part of a job id, so without the colons that Redis keys have. */
export const requestIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, 'A request id is 1 to 64 letters, digits, hyphens and underscores');

export interface CommandRequest {
  /** Asked again under the same id, a command is done once, and answers what it answered. */
  requestId: string;
  /** How long to wait for the outcome; 15 s. */
  waitMs?: number;
}

/** What a command answers while, or because, its job gave no outcome of its own. */
export type Unanswered =
  /** No worker has done the job yet: it is queued, and done once a worker runs. */
  | { kind: 'not_known_yet'; requestId: string }
  /** Every attempt of the job failed, the last with this code. */
  | { kind: 'failed'; requestId: string; code: string }
  /** Something else was asked under this id. */
  | { kind: 'request_id_reused'; requestId: string };

/** Redis did not confirm that it has the job. It may have it: ask again under the same request id. */
export class JobNotConfirmedError extends Error {
  readonly code = 'job_not_confirmed';
  readonly requestId: string;

  constructor(requestId: string, cause: unknown) {
    super(`Redis did not confirm the job (${cause instanceof Error ? cause.message : 'no reason'}).`, {
      cause,
    });
    this.requestId = requestId;
  }
}

const WAIT_MS = 15_000;
const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 500;

type Of<K> = K extends string ? { kind: K } : never;
type Answer<N extends AwaitedJob> = Of<JobOutcomes[N]> | Unanswered;

/** A job's payload without what every command adds to it. */
type Task<N extends AwaitedJob> = Omit<JobPayload<N>, 'requestId' | 'fingerprint' | 'requestedBy'>;

interface Command<N extends AwaitedJob> {
  job: N;
  /** What the caller gave: other input under the same request id is a conflict. */
  asked: object;
  /**
   * Reads what the payload depends on, or answers at once what the job would only find too. That counts while the job
   * has no outcome: what it changed may be why.
   */
  prepare: () => Promise<Task<N> | JobOutcomes[N]>;
}

/** Has a worker do a job, and answers what became of it. */
export async function runJob<N extends AwaitedJob>(
  context: BackofficeContext,
  request: CommandRequest,
  { job, asked, prepare }: Command<N>,
): Promise<Answer<N>> {
  const { requestId } = request;
  const fingerprint = hash('sha256', JSON.stringify([job, context.actor, asked]));
  const find = () => findAnswer<N>(context, requestId, fingerprint);
  const known = await find();
  if (known !== undefined) return known;
  const prepared = await prepare();
  if (typeof prepared === 'string') return (await find()) ?? ({ kind: prepared } as Of<JobOutcomes[N]>);
  // The task has the other fields of the payload, by its type.
  const payload = { ...prepared, requestId, fingerprint, requestedBy: context.actor } as JobPayload<N>;
  try {
    await context.producer.add(job, payload, `${job}-${requestId}`);
  } catch (error) {
    throw new JobNotConfirmedError(requestId, error);
  }
  return poll(find, request);
}

async function poll<A>(
  find: () => Promise<A | undefined>,
  { requestId, waitMs = WAIT_MS }: CommandRequest,
): Promise<A | { kind: 'not_known_yet'; requestId: string }> {
  const until = performance.now() + waitMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 1.5, MAX_PAUSE_MS)) {
    const leftMs = until - performance.now();
    if (leftMs <= 0) return { kind: 'not_known_yet', requestId };
    await delay(Math.min(pauseMs, leftMs));
    try {
      const answer = await find();
      if (answer !== undefined) return answer;
    } catch (error) {
      // The job is queued, and its worker waits for PostgreSQL too.
      if (!isDatabaseUnavailable(error)) throw error;
    }
  }
}

async function findAnswer<N extends AwaitedJob>(
  { db }: BackofficeContext,
  requestId: string,
  fingerprint: string,
): Promise<Answer<N> | undefined> {
  const found = await findCommandOutcome(db, requestId);
  if (found === undefined) return undefined;
  if (found.fingerprint !== fingerprint) return { kind: 'request_id_reused', requestId };
  const { kind, code = 'internal_error' } = found.outcome;
  if (kind === 'failed') return { kind, requestId, code };
  // The fingerprint names the job, whose outcomes have these kinds.
  return { kind } as Of<JobOutcomes[N]>;
}

/** Whether a job gave no outcome of its own. */
export function isUnanswered(answer: { kind: string }): answer is Unanswered {
  return ['not_known_yet', 'failed', 'request_id_reused'].includes(answer.kind);
}

export type KnownOutcome =
  | { kind: 'known'; requestId: string; job: string; outcome: string; code?: string; at: Date }
  /** It is still queued, was never asked, or is older than two weeks. */
  | { kind: 'not_known_yet'; requestId: string };

/** What became of a command, by its request id. */
export async function readOutcome({ db }: BackofficeContext, requestId: string): Promise<KnownOutcome> {
  const found = await findCommandOutcome(db, requestId);
  if (found === undefined) return { kind: 'not_known_yet', requestId };
  const { job, at, outcome } = found;
  const { kind, code } = outcome;
  return { kind: 'known', requestId, job, outcome: kind, ...(code === undefined ? {} : { code }), at };
}
