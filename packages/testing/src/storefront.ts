// A storefront and its customers, as clients over HTTP.
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { PaymentStatus } from '@antrean/domain';
import { anOrder } from './builders.ts';

/** The fields of the API's order answer that tests read. */
export interface OrderAnswer {
  items?: { sku: string; quantity: number; unitPrice?: number }[];
  orderId: string;
  status: string;
  reason?: string;
  total?: number;
  payment?: PaymentStatus & { gateway: string; url: string };
}

/** The answer to an accepted order. */
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
  /** The origin of the page that uses a publishable key. */
  origin?: string;
  /** Added to the error message when an order does not reach the wanted state. */
  explain?: () => string;
}

/** The pause between reads of a settled order: its later changes have no event. */
const LOOK_AGAIN_MS = 20;
/** The pause after an answer with Retry-After. The API asks for a second. */
const SEND_AGAIN_MS = 200;
const PATIENCE_MS = 20_000;

const aKey = (): string => randomBytes(8).toString('hex');

/** A storefront with its own key. */
export function createStorefront({ apiUrl, key, origin, explain = () => '' }: StorefrontOptions) {
  const headers = { authorization: `Bearer ${key}`, ...(origin === undefined ? {} : { origin }) };
  const ofOrder = (orderId: string, what = '') => `${apiUrl}/v1/orders/${orderId}${what}`;

  const placeRaw = (body: unknown = anOrder(), more: Record<string, string> = {}): Promise<Response> =>
    fetch(`${apiUrl}/v1/orders`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json', 'idempotency-key': aKey(), ...more },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });

  /** Fails if the order is not accepted. While the API answers with Retry-After, it is sent again with the same key. */
  async function place(body?: unknown, more?: Record<string, string>): Promise<Placed> {
    const keyed = { 'idempotency-key': aKey(), ...more };
    for (const endAt = performance.now() + PATIENCE_MS; ; ) {
      const answer = await placeRaw(body, keyed);
      const text = await answer.text();
      if (answer.status === 202) return JSON.parse(text) as Placed;
      const isBusy = text.includes('"code":"temporarily_unavailable"') && performance.now() < endAt;
      if (!isBusy) throw new Error(`The order was answered with ${answer.status}: ${text}`);
      await delay(SEND_AGAIN_MS);
    }
  }

  async function read(orderId: string): Promise<OrderAnswer> {
    const answer = await fetch(ofOrder(orderId), { headers });
    return (await answer.json()) as OrderAnswer;
  }

  /** Every state in the API's events, until the order is settled or cannot be followed. */
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

  /** Resolves once the order has the wanted state, by the API's events. */
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
      const what = typeof wanted === 'string' ? wanted : 'as wanted';
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
    /** The answer to a request for an order, with a new Idempotency-Key unless `more` has one. */
    placeRaw,
    place,
    read,
    /** Sends a request about an order: `cancel`, `ship`, `payment-attempts`, `transfer-proof`. */
    ask: (orderId: string, what: string, body: object = {}): Promise<Response> =>
      fetch(ofOrder(orderId, `/${what}`), {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    until,
    /** Places an order and waits for its open payment. */
    async awaitingPayment(body?: unknown) {
      const placed = await place(body);
      const { payment } = await until(placed.orderId, 'awaiting_payment');
      if (payment?.attemptId === undefined) throw new Error(`${placed.orderId} has no open payment.`);
      return { ...placed, attemptId: payment.attemptId, payment };
    },
  };
}
export type Storefront = ReturnType<typeof createStorefront>;
