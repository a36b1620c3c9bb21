import {
  hasKeysToMove,
  type KeyMove,
  type Keyspace,
  legacyKeyMoves,
  legacyPrefix,
  type MovedKeys,
  moveKeys,
  type Redis,
} from '@antrean/redis';
import { QueueKeys } from 'bullmq';
import type { JobName, QueueName } from './jobs.ts';

/** Each queue with its former name. */
const FORMER_QUEUES = {
  orders: 'orders',
  payments: 'payments',
  closings: 'expiries',
  admin: 'admin',
  'payment-events': 'payment-events',
  reconciliation: 'reconciliation',
  fulfilment: 'fulfilment',
} as const satisfies Record<string, QueueName>;

/** Jobs whose names changed; their ids begin with their names. */
const RENAMED_JOBS = [
  { from: 'close-payment', to: 'expire-order' },
  { from: 'switch-payment', to: 'change-payment-method' },
  { from: 'record-payout', to: 'record-manual-refund' },
] as const satisfies readonly { from: string; to: JobName }[];

const RENAMED_IDS = RENAMED_JOBS.map(({ from, to }) => ({ from: `${from}-`, to: `${to}-` }));

/** The edits in a job's hash: its name, and its id in the options. */
const JOB_EDITS = RENAMED_JOBS.flatMap(({ from, to }) => [
  { field: 'name', from, to },
  { field: 'opts', from: `"jobId":"${from}-`, to: `"jobId":"${to}-` },
]);
/** `request-refund` is the only job of the queue with this field. */
const ADMIN_JOB_EDITS = [...JOB_EDITS, { field: 'data', from: '"caseId":', to: '"exceptionId":' }];

/** Lists and sets of job ids. */
const ID_SETS = 'wait paused active delayed prioritized completed failed stalled waiting-children'.split(' ');
/** The other keys of a queue. A key that is in neither list belongs to a job. */
const OTHERS = 'meta id pc events marker limiter stalled-check'.split(' ');

function queueKeyMoves(keyspace: Keyspace): (key: string) => KeyMove | undefined {
  const prefix = legacyPrefix(keyspace);
  const keys = new QueueKeys(keyspace.bullmq);
  return (key) => {
    const name = key.slice(prefix.length);
    const colon = name.indexOf(':');
    const was = name.slice(0, colon);
    if (!Object.hasOwn(FORMER_QUEUES, was)) return undefined;
    const queue = FORMER_QUEUES[was as keyof typeof FORMER_QUEUES];
    const part = name.slice(colon + 1);
    if (ID_SETS.includes(part)) {
      return { kind: 'lists and sets of jobs', to: keys.toKey(queue, part), members: RENAMED_IDS };
    }
    if (OTHERS.includes(part)) return { kind: 'other keys of queues', to: keys.toKey(queue, part) };
    const renamed = RENAMED_IDS.find(({ from }) => part.startsWith(from));
    const id = renamed === undefined ? part : renamed.to + part.slice(renamed.from.length);
    return {
      // A lock, next to its job's hash.
      kind: part.includes(':') ? 'other keys of queues' : 'jobs',
      to: keys.toKey(queue, id),
      edits: queue === 'admin' ? ADMIN_JOB_EDITS : JOB_EDITS,
    };
  };
}

const movesOf = (keyspace: Keyspace) => {
  const queueMoveOf = queueKeyMoves(keyspace);
  const otherMoveOf = legacyKeyMoves(keyspace);
  return (key: string) => queueMoveOf(key) ?? otherMoveOf(key);
};

/** Whether Redis has keys from before the restructure of 2026-11-30. */
export const hasLegacyKeys = (redis: Redis, keyspace: Keyspace): Promise<boolean> =>
  hasKeysToMove(redis, legacyPrefix(keyspace), movesOf(keyspace));

/**
 * Moves these keys to their new names, and their jobs to new queues, names, ids and fields. No process may run meanwhile. A
 * killed run can be repeated.
 */
export const moveLegacyKeys = (redis: Redis, keyspace: Keyspace): Promise<MovedKeys> =>
  moveKeys(redis, legacyPrefix(keyspace), movesOf(keyspace));
