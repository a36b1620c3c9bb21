import { setTimeout as wait } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type Gateway, gateways } from './config.ts';
import type { Random } from './random.ts';
import { parseJson, withNulls } from './wire.ts';

const operation = z.enum(['create', 'status', 'list', 'cancel', 'expire', 'cancel_session', 'refund']);
type Operation = z.infer<typeof operation>;

/**
 * On hang, reset, http_*, html_* and empty_200 the request is not processed: a proxy answers, or the connection fails. On
 * reset_after, truncated_json, null_fields and slow the request is processed, and only its answer is faulty. null_fields: null
 * where the documents say text.
 */
const mode = z.enum([
  'none',
  'hang',
  'reset',
  'reset_after',
  'http_429',
  'http_500',
  'http_503',
  'html_502',
  'html_200',
  'empty_200',
  'truncated_json',
  'null_fields',
  'slow',
]);
type Mode = z.infer<typeof mode>;
/** The request is processed, and its answer is faulty. */
type LateMode = 'reset_after' | 'truncated_json' | 'null_fields' | 'slow';
const isLate = (how: Mode): how is LateMode =>
  ['reset_after', 'truncated_json', 'null_fields', 'slow'].includes(how);

/** For `slow` the delay of the answer, otherwise how long the fault waits. */
const delayMs = z.number().int().min(0).max(600_000).optional();
/** For `http_429`: the seconds after which Xendit accepts calls again, by its header. */
const resetAfterSeconds = z.number().int().min(1).max(3_600).optional();
export const faultBody = z.strictObject({
  gateway: z.enum(gateways),
  mode,
  operation: operation.optional(),
  probability: z.number().min(0).max(1).default(1),
  times: z.number().int().positive().optional(),
  delayMs,
  resetSeconds: resetAfterSeconds,
});
export const scriptBody = z.strictObject({
  gateway: z.enum(gateways),
  steps: z
    .array(
      z.strictObject({ operation: operation.optional(), mode, delayMs, resetSeconds: resetAfterSeconds }),
    )
    .max(1000),
});

interface Fault {
  mode: Mode;
  delayMs: number | undefined;
  resetSeconds?: number | undefined;
}
export interface Faults {
  /** Replaces the fault of the same operation; `none` without an operation clears all faults of the gateway. */
  set(fault: z.infer<typeof faultBody>): void;
  script(script: z.infer<typeof scriptBody>): void;
  take(gateway: Gateway, operation: Operation | undefined): Fault | undefined;
}

export function createFaults(random: Random): Faults {
  type Rule = z.infer<typeof faultBody>;
  const rules: Record<Gateway, Rule[]> = { midtrans: [], xendit: [] };
  const scripts: Record<Gateway, z.infer<typeof scriptBody>['steps']> = { midtrans: [], xendit: [] };
  return {
    set(fault) {
      const all = fault.mode === 'none' && fault.operation === undefined;
      if (all) scripts[fault.gateway] = [];
      rules[fault.gateway] = all
        ? []
        : [
            ...rules[fault.gateway].filter((rule) => rule.operation !== fault.operation),
            ...(fault.mode === 'none' ? [] : [{ ...fault }]),
          ];
    },
    script({ gateway, steps }) {
      scripts[gateway] = [...steps];
    },
    take(gateway, called) {
      const steps = scripts[gateway];
      const step = steps.findIndex((s) => s.operation === undefined || s.operation === called);
      const [scripted] = step < 0 ? [] : steps.splice(step, 1);
      if (scripted)
        return { mode: scripted.mode, delayMs: scripted.delayMs, resetSeconds: scripted.resetSeconds };
      const rule =
        rules[gateway].find((r) => r.operation !== undefined && r.operation === called) ??
        rules[gateway].find((r) => r.operation === undefined);
      if (!rule || random.next() >= rule.probability) return undefined;
      if (rule.times !== undefined) {
        rule.times -= 1;
        if (rule.times === 0) rules[gateway] = rules[gateway].filter((r) => r !== rule);
      }
      return { mode: rule.mode, delayMs: rule.delayMs, resetSeconds: rule.resetSeconds };
    },
  };
}

/** The gateway and operation of a request. Hosted pages and the control API have none and get no faults. */
export function operationOf(
  method: string,
  url: string,
): { gateway: Gateway; operation: Operation | undefined } | undefined {
  const path = url.split('?')[0] ?? '';
  const found = routes.find(([m, , , pattern]) => m === method && pattern.test(path));
  if (found) return { gateway: found[1], operation: found[2] };
  if (/^\/(snap\/v1|v2\/(?!invoices(\/|$)))/.test(path)) return { gateway: 'midtrans', operation: undefined };
  return /^\/(v2\/)?(invoices|refunds)(\/|$)/.test(path)
    ? { gateway: 'xendit', operation: undefined }
    : undefined;
}
const routes: readonly (readonly [string, Gateway, Operation, RegExp])[] = [
  ['POST', 'xendit', 'create', /^\/v2\/invoices\/?$/],
  ['GET', 'xendit', 'list', /^\/(v2\/invoices|refunds)\/?$/],
  ['GET', 'xendit', 'status', /^\/(v2\/invoices|refunds)\/[^/]+$/],
  ['POST', 'xendit', 'expire', /^\/invoices\/[^/]+\/expire(!|%21)$/],
  ['POST', 'xendit', 'refund', /^\/refunds\/?$/],
  ['POST', 'xendit', 'cancel', /^\/refunds\/[^/]+\/cancel$/],
  ['POST', 'midtrans', 'create', /^\/snap\/v1\/transactions$/],
  ['POST', 'midtrans', 'cancel_session', /^\/snap\/v1\/transactions\/[^/]+\/cancel$/],
  ['GET', 'midtrans', 'status', /^\/v2\/[^/]+\/status(\/b2b)?$/],
  ['POST', 'midtrans', 'cancel', /^\/v2\/[^/]+\/cancel$/],
  ['POST', 'midtrans', 'expire', /^\/v2\/[^/]+\/expire$/],
  ['POST', 'midtrans', 'refund', /^\/v2\/[^/]+\/refund(\/online\/direct)?$/],
];

const reasons = { 429: 'Too many requests', 500: 'Internal server error', 503: 'Service unavailable' };
/** An HTTP error in the gateway's format; Snap and Core differ. */
export function httpError(gateway: Gateway, url: string, status: 429 | 500 | 503): object {
  if (gateway === 'xendit')
    return {
      error_code:
        status === 429 ? 'RATE_LIMIT_EXCEEDED' : status === 500 ? 'SERVER_ERROR' : 'CHANNEL_UNAVAILABLE',
      message: reasons[status],
    };
  return url.startsWith('/snap/')
    ? { error_messages: [`Sorry, we encountered a problem: ${reasons[status]}`] }
    : { status_code: `${status}`, status_message: reasons[status] };
}

/** Applies the faults to every API request. */
export function injectFaults(app: FastifyInstance, faults: Faults, closing: AbortSignal): void {
  const late = new WeakMap<FastifyRequest, Fault>();
  // A wait that ends because the server closes leaves the request to be aborted by that.
  const pause = (ms: number) => wait(ms, undefined, { signal: closing, ref: false }).catch(() => {});

  app.addHook('onRequest', async (req, reply) => {
    const called = operationOf(req.method, req.url);
    const fault = called && faults.take(called.gateway, called.operation);
    if (!called || !fault || fault.mode === 'none') return;
    if (isLate(fault.mode)) {
      late.set(req, fault);
      return;
    }
    if (fault.delayMs !== undefined) await pause(fault.delayMs);
    await fail(req, reply, called.gateway, fault.mode, fault.resetSeconds);
  });
  app.addHook('onSend', async (req, _reply, payload) => {
    const fault = late.get(req);
    if (!fault) return payload;
    if (fault.mode === 'slow') await pause(fault.delayMs ?? 1000);
    else if (fault.delayMs !== undefined) await pause(fault.delayMs);
    if (fault.mode === 'reset_after') req.raw.socket.destroy();
    if (typeof payload !== 'string') return payload;
    if (fault.mode === 'null_fields') return JSON.stringify(withNulls(parseJson(payload)));
    return fault.mode === 'truncated_json' ? payload.slice(0, Math.floor(payload.length / 2)) : payload;
  });
}

async function fail(
  req: FastifyRequest,
  reply: FastifyReply,
  gateway: Gateway,
  how: Exclude<Mode, 'none' | LateMode>,
  resetSeconds = 60,
): Promise<void> {
  switch (how) {
    case 'hang':
      reply.hijack();
      return;
    case 'reset':
      reply.hijack();
      req.raw.socket.destroy();
      return;
    case 'http_429':
      if (gateway === 'xendit')
        reply.headers({
          'rate-limit-limit': '60',
          'rate-limit-remaining': '0',
          'rate-limit-reset': `${resetSeconds}`,
        });
      await reply.code(429).send(httpError(gateway, req.url, 429));
      return;
    case 'http_500':
      await reply.code(500).send(httpError(gateway, req.url, 500));
      return;
    case 'http_503':
      await reply.code(503).send(httpError(gateway, req.url, 503));
      return;
    case 'html_502':
      await reply.code(502).type('text/html').send('<html><h1>502 Bad Gateway</h1></html>');
      return;
    case 'html_200':
      await reply.code(200).type('text/html').send('<html><h1>Under maintenance</h1></html>');
      return;
    case 'empty_200':
      await reply.code(200).send('');
      return;
    default:
      return how satisfies never;
  }
}
