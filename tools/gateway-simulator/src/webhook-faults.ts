import { randomBytes, randomUUID } from 'node:crypto';
import { z } from 'zod';
import { type Gateway, gateways } from './config.ts';
import type { Random } from './random.ts';
import { decimals, withNulls } from './wire.ts';

/** A message before it is sent. `sign` makes a Midtrans signature for any body. */
export interface Message {
  gateway: Gateway;
  url: string;
  headers: Record<string, string>;
  body: Record<string, unknown>;
  sign?: (body: Record<string, unknown>) => string;
}

const mode = z.enum([
  'none',
  'duplicate',
  'drop',
  'delay',
  'reorder',
  'bad_signature',
  'wrong_token',
  'missing_token',
  'altered_status',
  'wrong_amount',
  'uppercase_status',
  'unknown_status',
  'no_fraud_status',
  'extra_fields',
  'null_fields',
  'new_webhook_id',
  'double_nested',
]);
type Mode = z.infer<typeof mode>;
const onlyOf: Partial<Record<Mode, Gateway>> = {
  bad_signature: 'midtrans',
  altered_status: 'midtrans',
  no_fraud_status: 'midtrans',
  wrong_token: 'xendit',
  missing_token: 'xendit',
  new_webhook_id: 'xendit',
  double_nested: 'xendit',
};

export const webhookFaultBody = z
  .strictObject({
    gateway: z.enum(gateways),
    mode,
    times: z.number().int().positive().optional(),
    probability: z.number().min(0).max(1).default(1),
    delayMs: z.number().int().min(0).max(600_000).default(1000),
  })
  .refine((f) => (onlyOf[f.mode] ?? f.gateway) === f.gateway, {
    path: ['mode'],
    message: 'not a fault of this gateway',
  });

/** The messages to send, one after another, each after its delay; none for a dropped message. */
interface Plan {
  fault: Mode;
  sends: { message: Message; delayMs: number }[];
}

export interface WebhookFaults {
  /** Several modes may be set at once, and the first that fires is used; `none` clears all of the gateway. */
  set(fault: z.infer<typeof webhookFaultBody>): void;
  plan(message: Message): Plan;
  /** The message that a reorder holds back, if there is one; it is then sent unchanged. */
  release(gateway: Gateway): Message | undefined;
}

export function createWebhookFaults(random: Random): WebhookFaults {
  type Rule = z.infer<typeof webhookFaultBody>;
  const rules: Record<Gateway, Rule[]> = { midtrans: [], xendit: [] };
  const held: Partial<Record<Gateway, Message>> = {};

  const fire = (gateway: Gateway): Rule | undefined => {
    const rule = rules[gateway].find((r) => random.next() < r.probability);
    if (rule?.times !== undefined) {
      rule.times -= 1;
      if (rule.times === 0) rules[gateway] = rules[gateway].filter((r) => r !== rule);
    }
    return rule;
  };
  return {
    set(fault) {
      rules[fault.gateway] = [
        ...(fault.mode === 'none' ? [] : rules[fault.gateway].filter((r) => r.mode !== fault.mode)),
        ...(fault.mode === 'none' ? [] : [{ ...fault }]),
      ];
    },
    release(gateway) {
      const message = held[gateway];
      delete held[gateway];
      return message;
    },
    plan(message) {
      const earlier = held[message.gateway];
      if (earlier) {
        delete held[message.gateway];
        return { fault: 'reorder', sends: [message, earlier].map((m) => ({ message: m, delayMs: 0 })) };
      }
      const rule = fire(message.gateway);
      if (!rule) return { fault: 'none', sends: [{ message, delayMs: 0 }] };
      if (rule.mode === 'reorder') {
        held[message.gateway] = message;
        return { fault: 'reorder', sends: [] };
      }
      const delay = rule.mode === 'delay' ? rule.delayMs : 0;
      return {
        fault: rule.mode,
        sends: spoil(message, rule.mode).map((m) => ({ message: m, delayMs: delay })),
      };
    },
  };
}

function spoil(m: Message, how: Exclude<Mode, 'reorder'>): Message[] {
  const { gateway, headers, body } = m;
  const statusKey = gateway === 'midtrans' ? 'transaction_status' : 'status';
  const told = body[statusKey];
  const status = typeof told === 'string' ? told : '';
  const withBody = (changes: Record<string, unknown>): Message[] => [{ ...m, body: { ...body, ...changes } }];
  switch (how) {
    case 'none':
    case 'delay':
      return [m];
    case 'drop':
      return [];
    case 'duplicate':
      return [m, m];
    case 'bad_signature':
      return withBody({ signature_key: randomBytes(64).toString('hex') });
    case 'wrong_token':
      return [{ ...m, headers: { ...headers, 'x-callback-token': randomUUID() } }];
    case 'missing_token': {
      const { 'x-callback-token': _, ...rest } = headers;
      return [{ ...m, headers: rest }];
    }
    case 'altered_status':
      return withBody({ transaction_status: status === 'settlement' ? 'refund' : 'settlement' });
    case 'wrong_amount':
      return [wrongAmount(m)];
    case 'uppercase_status':
      return withBody({ [statusKey]: gateway === 'midtrans' ? status.toUpperCase() : status.toLowerCase() });
    case 'unknown_status':
      return withBody({ [statusKey]: 'SOMETHING_NEW' });
    case 'no_fraud_status': {
      const { fraud_status: _, ...rest } = body;
      return [{ ...m, body: rest }];
    }
    case 'extra_fields':
      return withBody({ some_new_field: { nested: [1, null, 'x'] }, another_field: 'unexpected' });
    case 'null_fields':
      return withBody({
        ...Object.fromEntries(Object.entries(body).map(([key, value]) => [key, withNulls(value, key)])),
        // Optional in a notification; the status has it.
        ...(gateway === 'midtrans' ? { transaction_id: null } : {}),
      });
    case 'new_webhook_id':
      return [m, { ...m, headers: { ...headers, 'webhook-id': randomUUID() } }];
    case 'double_nested':
      return 'event' in body ? withBody({ data: body }) : [m];
    default:
      return how satisfies never;
  }
}

/** One rupiah more than was paid, with a valid signature, like a fee that the customer paid on top. */
function wrongAmount(m: Message): Message {
  const more = (value: unknown) => (typeof value === 'number' ? value + 1 : value);
  if (m.gateway === 'xendit') {
    const { amount, paid_amount: paid, data } = m.body;
    const changes = {
      ...(amount === undefined ? {} : { amount: more(amount) }),
      ...(paid === undefined ? {} : { paid_amount: more(paid) }),
      ...(typeof data === 'object' && data !== null && 'amount' in data
        ? { data: { ...data, amount: more(data.amount) } }
        : {}),
    };
    return { ...m, body: { ...m.body, ...changes } };
  }
  const body = {
    ...m.body,
    gross_amount: decimals(Number.parseInt(z.string().parse(m.body.gross_amount), 10) + 1),
  };
  return { ...m, body: m.sign ? { ...body, signature_key: m.sign(body) } : body };
}
