import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { vi } from 'vitest';
import { buildSimulator } from '../src/app.ts';
import type { SimulatorConfig } from '../src/config.ts';

export type Json = Record<string, unknown>;
export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  body: Json;
}
interface Hook {
  path: string;
  headers: Record<string, unknown>;
  body: Json;
}

export const serverKey = 'SB-Mid-server-test';
const secretKey = 'xnd_development_test';
const callbackToken = 'token';
const basic = (key: string) => `Basic ${Buffer.from(`${key}:`).toString('base64')}`;

/** The simulator on a port, and a shop that records its webhooks and answers as `answerWith` says. */
export async function openSimulator(overrides: Partial<SimulatorConfig> = {}) {
  const hooks: Hook[] = [];
  let answerWith = (_hook: Hook): { status: number; location?: string } => ({ status: 200 });
  const shop = createServer((req, res) => {
    let text = '';
    req.on('data', (d: Buffer) => (text += d.toString()));
    req.on('end', () => {
      const hook: Hook = { path: req.url ?? '', headers: req.headers, body: JSON.parse(text) as Json };
      hooks.push(hook);
      const { status, location } = answerWith(hook);
      res.writeHead(status, location === undefined ? {} : { location }).end();
    });
  });
  shop.listen(0, '127.0.0.1');
  await once(shop, 'listening');
  const shopUrl = `http://127.0.0.1:${(shop.address() as AddressInfo).port}`;
  const sim = buildSimulator({
    publicUrl: 'http://pay.test',
    midtransServerKey: serverKey,
    xenditSecretKey: secretKey,
    xenditCallbackToken: callbackToken,
    midtransWebhookUrl: `${shopUrl}/midtrans`,
    xenditWebhookUrl: `${shopUrl}/xendit`,
    webhookClockFactor: 1e-6,
    switches: { refundDelayMs: 0 },
    ...overrides,
  });
  const base = await sim.listen({ host: '127.0.0.1', port: 0 });

  async function call(url: string, init: RequestInit): Promise<Answer> {
    const answer = await fetch(base + url, { redirect: 'manual', ...init });
    const text = await answer.text();
    let body: Json = {};
    try {
      body = JSON.parse(text) as Json;
    } catch {
      // A page, or an intentionally broken answer: see `text`.
    }
    return { status: answer.status, headers: answer.headers, text, body };
  }
  const client =
    (authorization: string) =>
    (method: string, url: string, body?: unknown, headers: Record<string, string> = {}) =>
      call(url, {
        method,
        headers: { authorization, ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
  const midtrans = client(basic(serverKey));
  const xendit = client(basic(secretKey));
  return {
    base,
    shopUrl,
    hooks,
    call,
    midtrans,
    xendit,
    answer(how: typeof answerWith) {
      answerWith = how;
    },
    control: (name: string, body: unknown) =>
      call(`/__sim/${name}`, { method: 'POST', body: JSON.stringify(body) }),
    /** Reads `name` from the control API. */
    show: async <T>(name: string) => (await (await fetch(`${base}/__sim/${name}`)).json()) as T,
    /** The messages about one order, in order of arrival. */
    hooksOf: (id: string) => hooks.filter(({ body }) => JSON.stringify(body).includes(id)),
    /** The first message that matches. */
    hookWhere: (fits: (hook: Hook) => boolean) =>
      vi.waitFor(() => {
        const found = hooks.find(fits);
        if (!found) throw new Error(`no message matches: ${JSON.stringify(hooks.map(({ body }) => body))}`);
        return found;
      }),
    /** Creates a Snap page and returns its token. */
    async page(orderId: string, more: Json = {}) {
      const made = await midtrans('POST', '/snap/v1/transactions', snap(orderId, more));
      if (made.status !== 201) throw new Error(made.text);
      return made.body.token as string;
    },
    status: async (id: string) => (await midtrans('GET', `/v2/${id}/status`)).body,
    async invoice(externalId: string, more: Json = {}) {
      const made = await xendit('POST', '/v2/invoices/', {
        external_id: externalId,
        amount: 150_000,
        ...more,
      });
      if (made.status >= 300) throw new Error(made.text);
      return made.body as Json & { id: string };
    },
    /** A GET with a body, as midtrans-client sends it. */
    getWithBody: (url: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        const req = request(base + url, {
          headers: {
            authorization: basic(serverKey),
            'content-type': 'application/json',
            'content-length': 2,
          },
        });
        req.on('response', (res) => {
          res.resume();
          resolve(res.statusCode);
        });
        req.on('error', reject);
        req.end('{}');
      }),
    async close() {
      await sim.close();
      shop.closeAllConnections();
      shop.close();
    },
  };
}
export type OpenSimulator = Awaited<ReturnType<typeof openSimulator>>;

/** The body of a Snap create. */
export const snap = (orderId: string, more: Json = {}): Json => ({
  transaction_details: { order_id: orderId, gross_amount: 150_000 },
  ...more,
});
