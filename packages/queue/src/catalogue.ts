import { z } from 'zod';

// Unknown fields are passed over: during a deploy, an older worker meets the jobs of a newer API.

/** An order as it was accepted: the payload of `reserve-order`, and all that Redis holds of a queued order. */
export const acceptedOrderSchema = z.object({
  orderId: z.uuid(),
  storefrontId: z.string().min(1),
  idempotencyKey: z.string().min(1),
  fingerprint: z.string().min(1),
  requestId: z.string().min(1),
  acceptedAtMs: z.int().positive(),
  customer: z.strictObject({
    id: z.string().optional(),
    name: z.string(),
    email: z.string(),
    phone: z.string(),
  }),
  items: z.array(z.strictObject({ sku: z.string(), quantity: z.int().positive() })).min(1),
  paymentMethod: z.enum(['online', 'bank_transfer']),
  shippingFeeRupiah: z.int().nonnegative(),
  expectedTotalRupiah: z.int().nonnegative().optional(),
  shippingAddress: z.record(z.string(), z.string().optional()).optional(),
  note: z.string().optional(),
});
export type AcceptedOrder = z.infer<typeof acceptedOrderSchema>;

const orderJobSchema = z.object({ orderId: z.uuid(), requestId: z.string().min(1) });

/** The token of an order is in a customer's hands, a key in a storefront's. */
const cancelOrderSchema = orderJobSchema.extend({ requestedBy: z.enum(['customer', 'storefront']) });

const shipOrderSchema = orderJobSchema.extend({
  carrier: z.string().min(1),
  trackingNumber: z.string().min(1),
  requestedBy: z.string().min(1),
});

const receiveStockSchema = z.object({
  sku: z.string().min(1),
  quantity: z.int().positive(),
  /** Of the delivery: received twice, it counts once. */
  reference: z.string().min(1),
  reason: z.string().min(1),
  requestedBy: z.string().min(1),
});

const paymentEventSchema = z.object({
  gateway: z.enum(['midtrans', 'xendit']),
  attemptId: z.string().min(1),
  /** Unique per event of the gateway: the same event delivered twice has the same key. */
  dedupeKey: z.string().min(1),
  requestId: z.string().min(1),
  payload: z.record(z.string(), z.unknown()),
});

/**
 * Every job there is: its queue, the shape of its payload, how often it is tried, and the pause between tries
 * (exponential with full jitter). What a job does when it runs twice stands at its handler.
 */
export const JOBS = {
  'reserve-order': { queue: 'orders', payload: acceptedOrderSchema, attempts: 10, backoffMs: 200 },
  'create-payment': { queue: 'payments', payload: orderJobSchema, attempts: 8, backoffMs: 500 },
  'close-payment': { queue: 'payments', payload: orderJobSchema, attempts: 8, backoffMs: 1_000 },
  'cancel-order': { queue: 'payments', payload: cancelOrderSchema, attempts: 8, backoffMs: 1_000 },
  'apply-payment-event': {
    queue: 'payment-events',
    payload: paymentEventSchema,
    attempts: 12,
    backoffMs: 500,
  },
  'ship-order': { queue: 'fulfilment', payload: shipOrderSchema, attempts: 8, backoffMs: 1_000 },
  'receive-stock': { queue: 'fulfilment', payload: receiveStockSchema, attempts: 8, backoffMs: 1_000 },
} as const;

export type JobName = keyof typeof JOBS;
export type JobPayload<N extends JobName> = z.infer<(typeof JOBS)[N]['payload']>;
export type QueueName = (typeof JOBS)[JobName]['queue'];
export const QUEUES: readonly QueueName[] = ['orders', 'payments', 'payment-events', 'fulfilment'];

/** A job id names order, order version and sweep round; BullMQ ignores an add while that id exists. */
export function orderJobId(
  name: JobName,
  order: { orderId: string; version: number; sweepRound: number },
): string {
  return `${name}-${order.orderId}-v${order.version}-r${order.sweepRound}`;
}

const ONE_JOB_EACH_MS = 60_000;

/** For what is asked for from outside: one job a minute for an order, however often; a later one, in case it failed. */
export function askedJobId(name: JobName, orderId: string): string {
  return `${name}-${orderId}-${Math.floor(Date.now() / ONE_JOB_EACH_MS)}`;
}
