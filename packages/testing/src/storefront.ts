// What a storefront and its customers do, over HTTP.
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { PaymentStatus } from '@antrean/domain';
import { anOrder } from './builders.ts';

/** What the API shows of an order, as far as tests look at it. */
export interface OrderAnswer {
  items?: { sku: string; quantity: number; unitPrice?: number }[];
  orderId: string;
  status: string;
  reason?: string;
  total?: number;
  payment?: PaymentStatus & { gateway: string; url: string };
}

/** The answer to an order that was accepted. */
export interface Placed {
  orderId: string;
  status: string;
  statusUrl: string;
  eventsUrl: string;
  position: number;
}

export interface StorefrontOptions {
  apiUrl: string;
  key: string;
  /** Of the page that uses a publishable key. */
  origin?: string;
  /** What to add to the message when an order does not become what it should. */
  explain?: () => string;
}

/** Between one look and the next at an order that is settled: nothing tells of a change of it. */
const LOOK_AGAIN_MS = 20;
/** After an answer that asks for it. A second is what the API asks for. */
const SEND_AGAIN_MS = 200;
const PATIENCE_MS = 20_000;

const aKey = (): string => randomBytes(8).toString('hex');

/** A storefront with a key of its own. */
export function createStorefront({ apiUrl, key, origin, explain = () => '' }: StorefrontOptions) {
  const headers = { authorization: `Bearer ${key}`, ...(origin === undefined ? {} : { origin }) };
  const ofOrder = (orderId: string, what = '') => `${apiUrl}/v1/orders/${orderId}${what}`;

  const placeRaw = (body: unknown = anOrder(), more: Record<string, string> = {}): Promise<Response> =>
    fetch(`${apiUrl}/v1/orders`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json', 'idempotency-key': aKey(), ...more },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });

  /** Fails where the order is not accepted. While the API asks for that, it is sent again under the same key. */
  async function place(body?: unknown, more?: Record<string, string>): Promise<Placed> {
    const keyed = { 'idempotency-key': aKey(), ...more };
    for (const endAt = performance.now() + PATIENCE_MS; ; ) {
      const answer = await placeRaw(body, keyed);
      const text = await answer.text();
      if (answer.status === 202) return JSON.parse(text) as Placed;
      const isBusy = text.includes('"code":"temporarily_unavailable"') && performance.now() < endAt;
      if (!isBusy) throw new Error(`The order was answered ${answer.status}: ${text}`);
      await delay(SEND_AGAIN_MS);
    }
  }

  async function read(orderId: string): Promise<OrderAnswer> {
    const answer = await fetch(ofOrder(orderId), { headers });
    return (await answer.json()) as OrderAnswer;
  }

  /** Every state that the API tells of, until the order is settled or cannot be followed. */
  async function* follow(orderId: string, signal: AbortSignal): AsyncGenerator<OrderAnswer> {
    const leaving = new AbortController();
    try {
      const answer = await fetch(ofOrder(orderId, '/events'), {
        headers,
        signal: AbortSignal.any([signal, leaving.signal]),
      });
      if (answer.status !== 200 || answer.body === null) return;
      let rest = '';
      for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
        const events = (rest + chunk).split('\n\n');
        rest = events.pop() ?? '';
        for (const event of events) {
          const data = /^data: (.+)$/m.exec(event)?.[1];
          if (data !== undefined) yield JSON.parse(data) as OrderAnswer;
        }
      }
    } finally {
      leaving.abort();
    }
  }

  /** Resolves once the order is in that state, or as is wanted. It is told so by the API's events. */
  async function until(
    orderId: string,
    wanted: string | ((order: OrderAnswer) => boolean),
    { timeoutMs = PATIENCE_MS } = {},
  ): Promise<OrderAnswer> {
    const isWanted = typeof wanted === 'string' ? ({ status }: OrderAnswer) => status === wanted : wanted;
    const seen: OrderAnswer[] = [];
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      for (;;) {
        for await (const order of follow(orderId, timeout)) {
          seen.push(order);
          if (isWanted(order)) return order;
        }
        await delay(LOOK_AGAIN_MS, undefined, { signal: timeout });
      }
    } catch (error) {
      if (!timeout.aborted) throw error;
      const states = [...new Set(seen.map(({ status }) => status))].join(', ') || 'not shown';
      const what = typeof wanted === 'string' ? wanted : 'as is wanted';
      throw new Error(
        `Within ${timeoutMs / 1_000} s order ${orderId} was ${states}, but not ${what}: ` +
          `${JSON.stringify(seen.at(-1))}${explain()}`,
        { cause: error },
      );
    }
  }

  return {
    key,
    headers,
    /** The answer itself. Each order has an Idempotency-Key of its own, unless `more` has one. */
    placeRaw,
    place,
    read,
    /** Asks something about an order: `cancel`, `ship`, `payment-attempts`, `transfer-proof`. */
    ask: (orderId: string, what: string, body: object = {}): Promise<Response> =>
      fetch(ofOrder(orderId, `/${what}`), {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    until,
    /** An order that can be paid, and how. */
    async awaitingPayment(body?: unknown) {
      const placed = await place(body);
      const { payment } = await until(placed.orderId, 'awaiting_payment');
      if (payment?.attemptId === undefined) throw new Error(`${placed.orderId} shows no payment.`);
      return { ...placed, attemptId: payment.attemptId, payment };
    },
  };
}
export type Storefront = ReturnType<typeof createStorefront>;
