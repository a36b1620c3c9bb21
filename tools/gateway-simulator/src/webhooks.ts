import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Gateway } from './config.ts';
import type { Random } from './random.ts';
import type { Message, WebhookFaults } from './webhook-faults.ts';

const MINUTE = 60_000;
/** The number of records for /__sim/webhooks; older ones are dropped. */
const MAX_RECORDS = 5000;
const MAX_HOPS = 5;

interface Policy {
  timeoutMs: number;
  /** The maximal wait before each retry. */
  waitsMs: readonly number[];
  /** The random part of a wait, which may shorten it. */
  shift: number;
  /** The number of retries after an answer of this status (null: no answer). */
  retriesAfter(status: number | null): number;
}

/**
 * https://docs.midtrans.com/docs/https-notification-webhooks: the first retry is 33 s to 2 min after the first attempt.
 * https://docs.xendit.co/apidocs/webhook-behavior.
 */
const policies: Record<Gateway, Policy> = {
  midtrans: {
    timeoutMs: 15_000,
    waitsMs: [2, 10, 30, 90, 210].map((minutes) => minutes * MINUTE),
    shift: 0.725,
    retriesAfter(status) {
      if (status === null) return 5;
      if (status >= 200 && status < 300) return 0;
      if (status === 500) return 1;
      if (status === 503) return 4;
      if (status === 400 || status === 404) return 2;
      return [301, 302, 303].includes(status) ? 0 : 5;
    },
  },
  xendit: {
    timeoutMs: 30_000,
    waitsMs: [15, 45, 120, 180, 360, 720].map((minutes) => minutes * MINUTE),
    shift: 0,
    retriesAfter: (status) => (status !== null && status >= 200 && status < 300 ? 0 : 6),
  },
};

export interface WebhookRecord {
  gateway: Gateway;
  url: string;
  headers: Record<string, string>;
  body: unknown;
  /** The injected fault. */
  fault: string;
  state: 'waiting' | 'delivered' | 'gave_up' | 'dropped' | 'held';
  /** `status` is null without an answer. */
  tries: { at: string; status: number | null }[];
}

export interface Webhooks {
  /** Sends in the background. */
  send(message: Message): void;
  /** Sends the message that a reorder holds back, if no other one came to swap it with. */
  release(gateway: Gateway): void;
  records(): readonly WebhookRecord[];
  /** Drops the messages that are waiting and empties the records; returns the number of dropped messages. */
  forget(): number;
  stop(): void;
}

export function createWebhooks(o: {
  faults: WebhookFaults;
  random: Random;
  clockFactor: number;
  /** Replaces the gateways' own waits and rules: applies after any answer but a 2xx. */
  delaysMs: readonly number[] | undefined;
  /** Whether each retry has a new webhook-id. */
  isNewIdEachTry: () => boolean;
  onGiveUp: (url: string) => void;
}): Webhooks {
  let records: WebhookRecord[] = [];
  let stopped = new AbortController();

  const record = (message: Message, fault: string, state: WebhookRecord['state']): WebhookRecord => {
    const { gateway, url, headers, body } = message;
    const made: WebhookRecord = { gateway, url, headers, body, fault, state, tries: [] };
    records.push(made);
    if (records.length > MAX_RECORDS) records.shift();
    return made;
  };

  /** The wait before a retry, or undefined without one. `made` is the number of retries so far. */
  const waitAfter = (gateway: Gateway, status: number | null, made: number): number | undefined => {
    if (status !== null && status >= 200 && status < 300) return undefined;
    if (o.delaysMs) return o.delaysMs[made];
    const policy = policies[gateway];
    const longest = policy.waitsMs[made];
    if (longest === undefined || made >= policy.retriesAfter(status)) return undefined;
    return longest * (1 - policy.shift * o.random.next()) * o.clockFactor;
  };

  async function deliver(
    { message, delayMs }: { message: Message; delayMs: number },
    entry: WebhookRecord,
    signal: AbortSignal,
    onFirstTry: () => void,
  ): Promise<void> {
    let pause: number | undefined = delayMs;
    for (let retries = 0; pause !== undefined; retries += 1) {
      if (pause > 0) await wait(pause, undefined, { signal, ref: false });
      const at = new Date().toISOString();
      const headers =
        retries > 0 && 'webhook-id' in message.headers && o.isNewIdEachTry()
          ? { ...message.headers, 'webhook-id': randomUUID() }
          : message.headers;
      const status = await post({ ...message, headers }, signal);
      signal.throwIfAborted();
      entry.tries.push({ at, status });
      onFirstTry();
      if (status !== null && status >= 200 && status < 300) {
        entry.state = 'delivered';
        return;
      }
      pause = waitAfter(message.gateway, status, retries);
    }
    entry.state = 'gave_up';
    o.onGiveUp(message.url);
  }

  const carryOut = (message: Message, { fault, sends }: ReturnType<WebhookFaults['plan']>): void => {
    if (sends.length === 0) record(message, fault, fault === 'drop' ? 'dropped' : 'held');
    const { signal } = stopped;
    const entries = sends.map((s) => ({ s, entry: record(s.message, fault, 'waiting') }));
    void (async () => {
      // The second message is sent after the first attempt of the first, so that a swapped pair arrives in that order.
      for (const { s, entry } of entries) {
        const { promise: tried, resolve: onFirstTry } = Promise.withResolvers<void>();
        void deliver(s, entry, signal, onFirstTry).catch(() => {
          entry.state = 'dropped';
          onFirstTry();
        });
        await tried;
      }
    })();
  };
  return {
    send: (message) => carryOut(message, o.faults.plan(message)),
    release(gateway) {
      const message = o.faults.release(gateway);
      if (message) carryOut(message, { fault: 'none', sends: [{ message, delayMs: 0 }] });
    },
    records: () => records,
    forget() {
      const open = records.filter(({ state }) => state === 'waiting').length;
      stopped.abort();
      stopped = new AbortController();
      records = [];
      return open;
    },
    stop: () => stopped.abort(),
  };
}

/** The status of the answer, or null. Only 307 and 308 are followed, as they keep method and body. */
async function post(m: Message, signal: AbortSignal): Promise<number | null> {
  let url = m.url;
  try {
    for (let hop = 0; ; hop += 1) {
      const answer = await fetch(url, {
        method: 'POST',
        headers: { ...m.headers, 'content-type': 'application/json' },
        body: JSON.stringify(m.body),
        redirect: 'manual',
        signal: AbortSignal.any([signal, AbortSignal.timeout(policies[m.gateway].timeoutMs)]),
      });
      await answer.body?.cancel();
      const to = answer.headers.get('location');
      const isFollowed = m.gateway === 'midtrans' && (answer.status === 307 || answer.status === 308);
      if (!isFollowed || to === null || hop >= MAX_HOPS) return answer.status;
      url = new URL(to, url).href;
    }
  } catch {
    return null;
  }
}
