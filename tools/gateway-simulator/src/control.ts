import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import { type Gateway, gateways } from './config.ts';
import type { Controls, Outcome } from './controls.ts';
import { faultBody, type Faults, scriptBody } from './faults.ts';
import { refundOutcomeBody } from './refund-outcomes.ts';
import type { Shared } from './shared.ts';
import { switchesSchema } from './switches.ts';
import { webhookFaultBody, type WebhookFaults } from './webhook-faults.ts';
import { parseJson } from './wire.ts';

const orderId = z.string().min(1);
const amountRupiah = z.number().int().positive().optional();
const method = z.string().optional();
const gateway = z.enum(gateways).optional();

/** An empty body is an empty object; a body that is not JSON is undefined. */
function jsonOf(body: unknown): unknown {
  const json = parseJson(body);
  return json === null ? {} : json;
}

/** The parsed JSON body with `base` as defaults; or undefined, and a 400 that names the invalid fields. */
async function read<T>(
  schema: z.ZodType<T>,
  body: unknown,
  reply: FastifyReply,
  base: object = {},
): Promise<T | undefined> {
  const json = z.record(z.string(), z.unknown()).safeParse(jsonOf(body));
  if (!json.success) {
    await reply.code(400).send({ error: 'the body is not a JSON object' });
    return undefined;
  }
  const parsed = schema.safeParse({ ...base, ...json.data });
  if (parsed.success) return parsed.data;
  const reasons = parsed.error.issues.map((i) => `${i.path.join('.') || 'body'}: ${i.message}`);
  await reply.code(400).send({ error: reasons.join('; ') });
  return undefined;
}

/** The control API of tests, demos and people. README.md lists it. */
export function controlRoutes(
  app: FastifyInstance,
  shared: Shared,
  o: {
    /** Restarts all random numbers. */
    seed: (seed: number) => void;
    faults: Faults;
    webhookFaults: WebhookFaults;
    /** By gateway, in the order in which an order id is searched. */
    controls: Readonly<Record<Gateway, Controls>>;
    /** The transactions of a day (in WIB) at Midtrans, as CSV. */
    exportMidtrans: (day: string) => string;
  },
): void {
  const { ledger, webhooks, switches, refundOutcomes } = shared;
  const { controls } = o;

  /** Runs at the gateway that has the order; if both have it, at the first that can. */
  const act = (
    of: { orderId: string; gateway?: Gateway | undefined },
    run: (c: Controls) => Outcome,
  ): Outcome => {
    let outcome: Outcome = { kind: 'refused', why: 'no gateway knows this orderId' };
    for (const name of of.gateway === undefined ? gateways : [of.gateway]) {
      if (!controls[name].knows(of.orderId)) continue;
      outcome = run(controls[name]);
      if (outcome.kind === 'done') return outcome;
    }
    return outcome;
  };
  /** POST: 200 with `word` true when it was done, or 409 with the reason. */
  function order<T extends { orderId: string; gateway?: Gateway | undefined }>(
    name: string,
    word: string,
    schema: z.ZodType<T>,
    run: (c: Controls, asked: T) => Outcome,
  ): void {
    app.post(`/__sim/${name}`, async (req, reply) => {
      const asked = await read(schema, req.body, reply);
      if (asked === undefined) return reply;
      const outcome = act(asked, (c) => run(c, asked));
      return outcome.kind === 'done' ? { [word]: true } : reply.code(409).send({ error: outcome.why });
    });
  }
  /** POST: stores a setting and answers with the parsed values. */
  function setting<T>(name: string, schema: z.ZodType<T>, set: (asked: T) => unknown): void {
    app.post(`/__sim/${name}`, async (req, reply) => {
      const asked = await read(schema, req.body, reply);
      return asked === undefined ? reply : (set(asked) ?? asked);
    });
  }

  setting('seed', z.strictObject({ seed: z.number().int() }), ({ seed }) => o.seed(seed));
  setting('faults', faultBody, (fault) => o.faults.set(fault));
  setting('script', scriptBody, (script) => o.faults.script(script));
  setting('webhook-faults', webhookFaultBody, (fault) => {
    o.webhookFaults.set(fault);
    if (fault.mode === 'none') webhooks.release(fault.gateway);
  });
  app.post('/__sim/switches', async (req, reply) => {
    // Absent switches keep their value and do not get their default.
    const all = await read(switchesSchema, req.body, reply, switches);
    return all === undefined ? reply : Object.assign(switches, all);
  });
  app.get('/__sim/switches', async () => switches);
  setting('forget-webhooks', z.strictObject({}), () => ({ dropped: webhooks.forget() }));
  app.post('/__sim/refund-outcome', async (req, reply) => {
    const asked = await read(refundOutcomeBody, req.body, reply);
    if (asked === undefined) return reply;
    if (asked.orderId === undefined) {
      refundOutcomes.plan(asked);
      return asked;
    }
    if (asked.outcome !== 'succeed' && asked.outcome !== 'fail')
      return reply.code(400).send({ error: 'outcome: an open refund can only succeed or fail' });
    const outcome = controls[asked.gateway].decideRefunds(asked.orderId, asked.outcome);
    return outcome.kind === 'done' ? asked : reply.code(409).send({ error: outcome.why });
  });

  order('choose', 'chosen', z.strictObject({ orderId, gateway, method }), (c, a) =>
    c.choose(a.orderId, a.method),
  );
  order(
    'pay',
    'paid',
    z.strictObject({ orderId, gateway, method, amountRupiah, evenIfClosed: z.boolean().default(false) }),
    (c, a) => c.pay(a.orderId, a),
  );
  order('deny', 'denied', z.strictObject({ orderId, gateway, method }), (c, a) =>
    c.deny(a.orderId, a.method),
  );
  order('expire', 'expired', z.strictObject({ orderId, gateway }), (c, a) => c.expire(a.orderId));
  order('settle', 'settled', z.strictObject({ orderId, gateway }), (c, a) => c.settle(a.orderId));
  order('reverse', 'reversed', z.strictObject({ orderId, gateway }), (c, a) => c.reverse(a.orderId));
  order('chargeback', 'chargedBack', z.strictObject({ orderId, gateway, amountRupiah }), (c, a) =>
    c.chargeback(a.orderId, a.amountRupiah),
  );
  order(
    'notify',
    'notified',
    z.strictObject({
      orderId,
      gateway,
      status: z.string().min(1).optional(),
      gatewayRef: z.string().min(1).optional(),
    }),
    (c, a) => c.notify(a.orderId, a),
  );

  app.get('/__sim/payments', async () => ledger.payments);
  app.get('/__sim/ledger', async () => ledger.orders());
  app.get('/__sim/webhooks', async () => webhooks.records());
  app.get<{ Querystring: { date?: string } }>('/__sim/midtrans/transactions.csv', async (req, reply) => {
    const day = z.iso.date().safeParse(req.query.date);
    if (!day.success) return reply.code(400).send({ error: 'date: YYYY-MM-DD, a day in WIB, is needed' });
    return reply.type('text/csv; charset=utf-8').send(o.exportMidtrans(day.data));
  });
}
