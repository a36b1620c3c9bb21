import { hash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { findCommandOutcome, isDatabaseUnavailable } from '@antrean/db';
import { type AwaitedJob, type JobOutcomes, type JobPayload, JOBS } from '@antrean/queue';
import { z } from 'zod';
import type { BackofficeContext } from './context.ts';

/** Part of a job id, so without the colons that Redis keys have. */
export const requestIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, 'A request id is 1 to 64 letters, digits, hyphens and underscores');

export interface CommandRequest {
  /** A command that is repeated with the same id is done once, and has the same answer. */
  requestId: string;
  /** How long to wait for the outcome; 15 s. */
  waitMs?: number;
}

/** The answer to a command whose job has no outcome of its own. */
export type Unanswered =
  /** No worker has finished the job yet: it is queued, and runs once a worker is available. */
  | { kind: 'not_known_yet'; requestId: string }
  /** Every attempt of the job failed, the last with this code. */
  | { kind: 'failed'; requestId: string; code: string }
  /** The request id was used for other input. */
  | { kind: 'request_id_reused'; requestId: string };

/** Redis did not confirm the job, but may have it: repeat the command with the same request id. */
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

/** A job's payload without the fields that every command adds. */
type Task<N extends AwaitedJob> = Omit<JobPayload<N>, 'requestId' | 'fingerprint' | 'requestedBy'>;

interface Command<N extends AwaitedJob> {
  job: N;
  /** The caller's input: other input under the same request id is a conflict. */
  asked: object;
  /**
   * Builds the payload, or returns early an outcome that the job would have too. The early outcome counts only while the
   * job has none: the job itself may have made the change that prevents a second one.
   */
  prepare: () => Promise<Task<N> | JobOutcomes[N]>;
}

/** Lets a worker run a job, and returns its outcome. */
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
  // By its type, the task has the other fields of the payload.
  const payload = { ...prepared, requestId, fingerprint, requestedBy: context.actor } as JobPayload<N>;
  // No outcome is ever written for a payload that the worker cannot parse.
  JOBS[job].payload.parse(payload);
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
  // The fingerprint includes the job, whose outcomes have these kinds.
  return { kind } as Of<JobOutcomes[N]>;
}

/** Whether a job has no outcome of its own. */
export function isUnanswered(answer: { kind: string }): answer is Unanswered {
  return ['not_known_yet', 'failed', 'request_id_reused'].includes(answer.kind);
}

export type KnownOutcome =
  | { kind: 'known'; requestId: string; job: string; outcome: string; code?: string; at: Date }
  /** The job is still queued, was never added, or is older than two weeks. */
  | { kind: 'not_known_yet'; requestId: string };

/** The outcome of a command, by its request id. */
export async function readOutcome({ db }: BackofficeContext, requestId: string): Promise<KnownOutcome> {
  const found = await findCommandOutcome(db, requestId);
  if (found === undefined) return { kind: 'not_known_yet', requestId };
  const { job, at, outcome } = found;
  const { kind, code } = outcome;
  return { kind: 'known', requestId, job, outcome: kind, ...(code === undefined ? {} : { code }), at };
}
