import { type Notice, readSwitches as read, setSwitch as set, type Switch, SWITCHES } from '@antrean/redis';
import { z } from 'zod';
import type { BackofficeContext } from './context.ts';
import { text } from './input.ts';

export const switchInput = z.object({ what: z.enum(SWITCHES), on: z.boolean(), reason: text(200) });

/** Turns a switch, effective everywhere within a second. Works without PostgreSQL: a worker writes the audit row later. */
export async function setSwitch(
  { redis, keyspace, actor }: BackofficeContext,
  { what, on, reason }: z.output<typeof switchInput>,
): Promise<{ kind: 'set' }> {
  await set(redis, keyspace, { what, on }, { changedBy: actor, reason });
  return { kind: 'set' };
}

/** In Indonesian and in English; null removes the notice. */
export const noticeInput = z.object({ id: text(300), en: text(300) }).nullable();

/** Sets the notice. Statuses, catalogue answers and refusals carry it within a second. Works without PostgreSQL. */
export async function setNotice(
  { redis, keyspace, actor }: BackofficeContext,
  notice: z.output<typeof noticeInput>,
): Promise<{ kind: 'set' }> {
  const reason = notice === null ? 'taken down' : 'put up';
  await set(redis, keyspace, { what: 'notice', notice: notice ?? undefined }, { changedBy: actor, reason });
  return { kind: 'set' };
}

export interface SwitchesNow {
  /** For each switch, whether it is on. */
  switches: Readonly<Record<Switch, boolean>>;
  notice: Notice | null;
}

export async function readSwitches({ redis, keyspace }: BackofficeContext): Promise<SwitchesNow> {
  const { on, notice = null } = await read(redis, keyspace);
  return { switches: { maintenance: on.has('maintenance'), read_only: on.has('read_only') }, notice };
}
