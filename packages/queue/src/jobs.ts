import { type CommandOutcomes, ONLINE_GATEWAYS, PAYMENT_METHODS } from '@antrean/domain';
import { z } from 'zod';

// Unknown fields are ignored: during a deploy, an older worker may get jobs of a newer API process.

/** An accepted order: the payload of `reserve-order`, and everything that Redis stores of a queued order. */
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
  paymentMethod: z.enum(PAYMENT_METHODS),
  shippingFeeRupiah: z.int().nonnegative(),
  expectedTotalRupiah: z.int().nonnegative().optional(),
  shippingAddress: z.record(z.string(), z.string().optional()).optional(),
  note: z.string().optional(),
  returnUrl: z.string().optional(),
  /** What the storefront's settings said at acceptance. Jobs of older API processes have neither. */
  timeToPayMinutes: z.int().positive().optional(),
  offeredMethods: z.array(z.enum(PAYMENT_METHODS)).optional(),
});
export type AcceptedOrder = z.infer<typeof acceptedOrderSchema>;

const orderJobSchema = z.object({ orderId: z.uuid(), requestId: z.string().min(1) });

/**
 * Fields of a job whose outcome an operator's command waits for. If there is a fingerprint of the input, the worker writes
 * the outcome under the request id. Other requests have no fingerprint, and older jobs have neither.
 */
const awaited = { requestId: z.string().min(1).optional(), fingerprint: z.string().min(1).optional() };

/** `requestedBy`: a client with the order token, or with a key of the storefront. */
const cancelOrderSchema = orderJobSchema.extend({ requestedBy: z.enum(['customer', 'storefront']) });

const shipOrderSchema = orderJobSchema.extend({
  carrier: z.string().min(1),
  trackingNumber: z.string().min(1),
  requestedBy: z.string().min(1),
});

const receiveStockSchema = z.object({
  ...awaited,
  sku: z.string().min(1),
  quantity: z.int().positive(),
  /** The reference of the goods receipt. Each counts once. */
  reference: z.string().min(1),
  reason: z.string().min(1),
  requestedBy: z.string().min(1),
});

/** A customer asks for another payment method than that of the open payment. */
const changePaymentMethodSchema = orderJobSchema.extend({
  method: z.enum(PAYMENT_METHODS),
  /** The attempt to replace, or null without one. So a job that runs twice replaces no newer attempt. */
  replaces: z.string().min(1).nullable(),
  requestedBy: z.string().min(1),
});

const transferProofSchema = orderJobSchema.extend({
  attemptId: z.string().min(1),
  /** The storefront's reference to the proof of transfer. */
  reference: z.string().min(1),
  requestedBy: z.string().min(1),
});

/** A transfer that an operator found on the bank statement. */
const confirmTransferSchema = z.object({
  attemptId: z.string().min(1),
  amountRupiah: z.int().positive(),
  /** The entry on the bank statement. Each counts once. */
  bankReference: z.string().min(1),
  ...awaited,
  requestedBy: z.string().min(1),
});

/** An operator takes back the entry of a line that was mistyped. */
const correctTransferSchema = z.object({
  attemptId: z.string().min(1),
  bankReference: z.string().min(1),
  reason: z.string().min(1),
  ...awaited,
  requestedBy: z.string().min(1),
});

const rejectTransferSchema = z.object({
  attemptId: z.string().min(1),
  reason: z.string().min(1),
  ...awaited,
  requestedBy: z.string().min(1),
});

/** An operator requests a refund. A repeated request with the same id makes no second refund. */
const requestRefundSchema = z.object({
  refundId: z.string().regex(/^[A-Za-z0-9-]{1,50}$/),
  attemptId: z.string().min(1),
  amountRupiah: z.int().positive(),
  exceptionId: z.int().positive().nullable(),
  reason: z.string().min(1),
  /** It is made even if the same refund was requested before. */
  isAnother: z.boolean().optional(),
  ...awaited,
  requestedBy: z.string().min(1),
});

/** An operator has paid out a manual refund. */
const recordManualRefundSchema = z.object({
  refundId: z.string().min(1),
  /** The bank's reference of the operator's transfer. */
  reference: z.string().min(1),
  ...awaited,
  requestedBy: z.string().min(1),
});

/** An operator's decision on a held order. */
const heldOrderSchema = z.object({
  orderId: z.uuid(),
  reason: z.string().min(1),
  ...awaited,
  requestedBy: z.string().min(1),
});

/** An operator found money at the bank that matches no known transfer. */
const openExceptionSchema = z.object({
  amountRupiah: z.int().positive(),
  /** The entry on the bank statement. Each counts once. */
  bankReference: z.string().min(1),
  note: z.string().min(1),
  ...awaited,
  requestedBy: z.string().min(1),
});

const resolveExceptionSchema = z.object({
  exceptionId: z.int().positive(),
  resolution: z.string().min(1),
  ...awaited,
  requestedBy: z.string().min(1),
});

const attemptJobSchema = z.object({ attemptId: z.string().min(1) });
const refundJobSchema = z.object({ refundId: z.string().min(1) });
const settlementReportSchema = z.object({ gateway: z.enum(ONLINE_GATEWAYS), day: z.iso.date() });

/** An id from a gateway, in a form that PostgreSQL can store. */
const fromOutside = z
  .string()
  .min(1)
  .max(500)
  .regex(/^\P{Cc}+$/u);

/** When the API took the event. Older jobs do not say it: then a known event is not asked about again. */
const delivered = { deliveredAtMs: z.int().positive().exactOptional() };

const paymentEventSchema = z.object({
  gateway: z.enum(ONLINE_GATEWAYS),
  attemptId: fromOutside,
  /** The gateway's id of the payment; not covered by a signature. */
  transactionId: z.string().min(1).optional(),
  /** Unique for each event of the gateway: the same event delivered twice has the same key. */
  dedupeKey: fromOutside,
  requestId: z.string().min(1),
  ...delivered,
  /** The event's claim, read by the gateway's parser. Older jobs have none: only their payload says it. */
  claim: z.object({ claimsPaid: z.boolean(), claimedRupiah: z.int().positive().nullable() }).exactOptional(),
  payload: z.record(z.string(), z.unknown()),
});

const openEventSchema = z.object({ eventId: z.int().positive() });

const refundEventSchema = z.object({
  gateway: z.enum(ONLINE_GATEWAYS),
  refundId: fromOutside,
  /** The gateway reference of its payment. Older jobs have none. */
  gatewayRef: z.string().min(1).max(100).exactOptional(),
  dedupeKey: fromOutside,
  requestId: z.string().min(1),
  ...delivered,
  payload: z.record(z.string(), z.unknown()),
});

/**
 * Every job: its queue, the schema of its payload, the number of attempts, and the backoff between them (exponential with
 * full jitter). The header of its handler says what happens when it runs twice.
 *
 * Jobs that may wait for something else have queues of their own, so that none waits behind unlike work: the payments of a
 * sale, requests of customers about one order, proofs of transfer, expiries, holds, status checks, refunds and reports. A
 * worker runs a job by its name in any queue: jobs of an older release may wait in another one.
 *
 * `isSwept`: the sweeper adds the job again. It is not added while one for the same thing is unfinished, see `sameWork`.
 */
export const JOBS = {
  'reserve-order': { queue: 'orders', payload: acceptedOrderSchema, attempts: 10, backoffMs: 200 },
  'create-payment': {
    queue: 'payments',
    payload: orderJobSchema,
    attempts: 8,
    backoffMs: 500,
    isSwept: true,
  },
  'expire-order': {
    queue: 'expiries',
    payload: orderJobSchema,
    attempts: 8,
    backoffMs: 1_000,
    isSwept: true,
  },
  'cancel-order': { queue: 'customer-requests', payload: cancelOrderSchema, attempts: 8, backoffMs: 1_000 },
  'release-hold': {
    queue: 'holds',
    payload: orderJobSchema,
    attempts: 8,
    backoffMs: 1_000,
    isSwept: true,
  },
  'change-payment-method': {
    queue: 'customer-requests',
    payload: changePaymentMethodSchema,
    attempts: 8,
    backoffMs: 1_000,
  },
  'attach-transfer-proof': {
    queue: 'transfer-proofs',
    payload: transferProofSchema,
    attempts: 8,
    backoffMs: 1_000,
  },
  'confirm-transfer': { queue: 'admin', payload: confirmTransferSchema, attempts: 8, backoffMs: 1_000 },
  'correct-transfer': { queue: 'admin', payload: correctTransferSchema, attempts: 8, backoffMs: 1_000 },
  'reject-transfer': { queue: 'admin', payload: rejectTransferSchema, attempts: 8, backoffMs: 1_000 },
  'request-refund': { queue: 'admin', payload: requestRefundSchema, attempts: 8, backoffMs: 1_000 },
  'record-manual-refund': {
    queue: 'admin',
    payload: recordManualRefundSchema,
    attempts: 8,
    backoffMs: 1_000,
  },
  'void-order': { queue: 'admin', payload: heldOrderSchema, attempts: 8, backoffMs: 1_000 },
  'release-order': { queue: 'admin', payload: heldOrderSchema, attempts: 8, backoffMs: 1_000 },
  'open-exception': { queue: 'admin', payload: openExceptionSchema, attempts: 8, backoffMs: 1_000 },
  'resolve-exception': { queue: 'admin', payload: resolveExceptionSchema, attempts: 8, backoffMs: 1_000 },
  'apply-payment-event': {
    queue: 'payment-events',
    payload: paymentEventSchema,
    attempts: 12,
    backoffMs: 500,
  },
  'apply-refund-event': {
    queue: 'payment-events',
    payload: refundEventSchema,
    attempts: 12,
    backoffMs: 500,
  },
  'resume-payment-event': {
    queue: 'payment-events',
    payload: openEventSchema,
    attempts: 1,
    backoffMs: 1_000,
    isSwept: true,
  },
  'reconcile-payment': {
    queue: 'reconciliation',
    payload: attemptJobSchema,
    attempts: 1,
    backoffMs: 1_000,
    isSwept: true,
  },
  'send-refund': {
    queue: 'refunds',
    payload: refundJobSchema,
    attempts: 1,
    backoffMs: 1_000,
    isSwept: true,
  },
  'settlement-report': {
    queue: 'reports',
    payload: settlementReportSchema,
    attempts: 5,
    backoffMs: 60_000,
    isSwept: true,
  },
  'ship-order': { queue: 'fulfilment', payload: shipOrderSchema, attempts: 8, backoffMs: 1_000 },
  'receive-stock': { queue: 'fulfilment', payload: receiveStockSchema, attempts: 8, backoffMs: 1_000 },
} as const;

export type JobName = keyof typeof JOBS;
export type JobPayload<N extends JobName> = z.infer<(typeof JOBS)[N]['payload']>;

/** The outcomes of jobs that a command may wait for. A job that runs twice has the same outcome. */
export interface JobOutcomes {
  /** The payment outcome. `line_used`: the line of the statement was entered for something else. */
  'confirm-transfer': CommandOutcomes['pay'] | 'line_used';
  'correct-transfer': CommandOutcomes['correct_transfer'];
  /** `not_awaited`: the transfer arrived, or its order has ended. */
  'reject-transfer': 'rejected' | 'not_awaited';
  'request-refund': CommandOutcomes['request_refund'];
  /** `not_awaited`: the refund does not exist, or does not wait to be paid out. */
  'record-manual-refund': CommandOutcomes['end_refund'] | 'not_awaited';
  'void-order': CommandOutcomes['void'];
  'release-order': CommandOutcomes['release_hold'];
  /** `known`: the exception exists. `line_used`: the line of the statement was entered for something else. */
  'open-exception': 'opened' | 'known' | 'line_used';
  'resolve-exception': 'resolved' | 'refund_under_way' | 'manual_refund_awaited' | 'not_open';
  'receive-stock': CommandOutcomes['receive'];
}
export type AwaitedJob = keyof JobOutcomes;

export type QueueName = (typeof JOBS)[JobName]['queue'];
/** Every queue that has jobs. */
export const QUEUES: readonly QueueName[] = [...new Set(Object.values(JOBS).map(({ queue }) => queue))];

/**
 * A job id names order, order version and sweep round; BullMQ ignores a job whose id exists. A queued order has its ticket
 * in place of the round: sent again after its record has expired, the order gets another ticket and so another job.
 */
export function orderJobId(
  name: JobName,
  order: { orderId: string; version: number; sweepRound: number },
): string {
  return `${name}-${order.orderId}-v${order.version}-r${order.sweepRound}`;
}

/**
 * The id of a job that the sweeper adds for something other than an order: `of` names the refund, the attempt, the event or
 * the report.
 */
export const sweptJobId = (name: JobName, of: string, sweepRound: number): string =>
  `${name}-${of}-r${sweepRound}`;

/** The part of such an id that every sweep round has; undefined for a job that is not swept. */
export function sameWork(name: JobName, jobId: string): string | undefined {
  return 'isSwept' in JOBS[name] ? jobId.replace(/-r\d+$/, '') : undefined;
}

const ONE_JOB_EACH_MS = 60_000;

/**
 * For requests from outside: one job a minute for an order, however often clients ask, or one each `eachMs`. A later one
 * repeats a failed job.
 */
export function askedJobId(name: JobName, id: string, eachMs = ONE_JOB_EACH_MS): string {
  return `${name}-${id}-${Math.floor(Date.now() / eachMs)}`;
}
