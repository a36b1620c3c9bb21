import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import {
  createMidtransGateway,
  createXenditGateway,
  type GatewayApiCall,
  type CallRateLimiter,
  type PaymentGateway,
} from '../src/index.ts';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';

// A server in place of both gateways, on real sockets. Each test sets its answers.
export const keys = { midtrans: 'SB-Mid-server-s3cretKEY', xendit: 'xnd_development_s3cretKEY' };
export const names = ['midtrans', 'xendit'] as const;
type Name = (typeof names)[number];
/** Long enough on a busy machine, except for the faults that never answer. */
const timeoutMs = 10_000;
export const shortMs = 120;

export interface Seen {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}
export type Respond = (res: ServerResponse, req: Seen) => void;
export const seen: Seen[] = [];
let respond: Respond = (res) => res.writeHead(500).end();
/** Part of every path, so that a late request of an earlier test is not counted in a later one. */
let testNumber = 0;
const server = createServer((req, res) => {
  const prefix = `/test-${testNumber}`;
  if (!req.url?.startsWith(`${prefix}/`)) {
    res.destroy();
    return;
  }
  const url = req.url.slice(prefix.length);
  let body = '';
  req.on('data', (d: Buffer) => (body += d.toString()));
  req.on('end', () => {
    const got = { method: req.method ?? '', url, headers: req.headers, body };
    seen.push(got);
    respond(res, got);
  });
});
let base = '';
/** A URL of the same server that no test uses. */
export const elsewhere = () => `${base}/elsewhere`;
/** Serves the tests of the file that calls it. */
export function serveTests(): void {
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  afterEach(() => {
    testNumber += 1;
    seen.length = 0;
    respond = (res) => res.writeHead(500).end();
  });
}

export const text =
  (body: string, status = 200, headers: Record<string, string> = {}): Respond =>
  (res) => {
    res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
  };
export const json = (body: unknown, status = 200, headers: Record<string, string> = {}): Respond =>
  text(JSON.stringify(body), status, headers);
/** Answers by "METHOD path" prefix, first match. Several answers are sent in turn, and then the last again. */
export function route(routes: Record<string, Respond | Respond[]>): void {
  const turns = new Map<string, number>();
  respond = (res, req) => {
    const key = Object.keys(routes).find((start) => `${req.method} ${req.url}`.startsWith(start));
    const answers = key === undefined ? undefined : routes[key];
    if (key === undefined || answers === undefined) {
      res.writeHead(599).end(`no route for ${req.method} ${req.url}`);
      return;
    }
    const list = Array.isArray(answers) ? answers : [answers];
    const turn = turns.get(key) ?? 0;
    turns.set(key, turn + 1);
    list[Math.min(turn, list.length - 1)]?.(res, req);
  };
}

interface Given {
  rateLimiter?: CallRateLimiter;
  audit?: (e: GatewayApiCall) => Promise<void>;
  timeoutMs?: number;
  now?: () => Date;
}
export const make = (name: Name, given: Given = {}): PaymentGateway => {
  const o = { baseUrl: `${base}/test-${testNumber}`, timeoutMs, ...given };
  return name === 'midtrans'
    ? createMidtransGateway({ serverKey: keys.midtrans, isProduction: false, ...o })
    : createXenditGateway({ secretKey: keys.xendit, listAgainAfterMs: 1, ...o });
};

const customer = { name: 'Budi Santoso', email: 'budi@example.test', phone: '081234567890' };
export const request = (attemptId: string) => ({
  attemptId,
  amountRupiah: 150_000,
  expiresAt: new Date(Date.now() + 900_000),
  customer,
  description: 'Pesanan',
});
export const reference = { attemptId: 'a-1', gatewayRef: 'ref-1' };
export const refund = {
  ...reference,
  refundId: 'rf-1',
  amountRupiah: 50_000,
  paidRupiah: 150_000,
  reason: 'requested_by_customer',
};
export const range = { from: new Date('2026-01-15T00:00:00Z'), to: new Date('2026-01-16T00:00:00Z') };
export const everything = (g: PaymentGateway) => ({
  create: () => g.create(request('a-1')),
  status: () => g.status(reference),
  statusWithoutRef: () => g.status({ attemptId: 'a-1' }),
  close: () => g.close(reference),
  refund: () => g.refund(refund),
  refundStatus: () => g.refundStatus(refund),
  strayStatus: async () =>
    (await g.strayStatus({ reference: 'x', payload: { id: 'ref-1', transaction_id: 't-1' } })).status,
  listPaid: () => g.listPaid(range),
});

export function expectNoKey(...values: unknown[]): void {
  const shown = values
    .flatMap((v) => [inspect(v, { depth: Infinity, showHidden: true }), JSON.stringify(v) ?? ''])
    .join('\n');
  expect(shown).not.toContain('s3cretKEY');
  for (const key of Object.values(keys))
    for (const form of [key, `${key}:`, `:${key}`])
      expect(shown).not.toContain(Buffer.from(form).toString('base64').slice(0, 24));
}

/** Answers every request in this way. */
export function answerAll(how: Respond): void {
  respond = how;
}
