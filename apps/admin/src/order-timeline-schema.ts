import { ATTEMPT_STATES, ORDER_STATES, PAYMENT_OUTCOMES } from '@antrean/domain';
import { z } from 'zod';

export const EXAMPLE_ORDER_ID = '7c0f6f0e-1f5b-8c3a-9d2e-5b8f4a1c2d3e';

const rupiah = z.int();
const time = z.iso.datetime();
const state = z.enum(ORDER_STATES);
const change = z.strictObject({ from: z.int(), to: z.int() });

const order = z.strictObject({
  orderId: z.uuid(),
  storefrontId: z.string(),
  requestId: z.string().describe('The id of the request that placed the order, as in the logs.'),
  state,
  reason: z.string().nullable().describe('Why the order was rejected.'),
  closingReason: z.string().nullable().describe('Why the order is being closed or was closed.'),
  version: z.int().describe('The order version; it grows with each change.'),
  paymentMethod: z.enum(['online', 'bank_transfer']),
  customerName: z.string().nullable(),
  items: z.array(
    z.strictObject({
      sku: z.string(),
      name: z.string().nullable(),
      quantity: z.int(),
      unitPriceRupiah: rupiah.nullable(),
    }),
  ),
  shippingFeeRupiah: rupiah,
  totalRupiah: rupiah.nullable().describe('With shipping; null when a product is unknown.'),
  acceptedAt: time,
  payBefore: time.nullable().describe('The deadline of the payment.'),
  updatedAt: time,
});

const entry = <K extends string, D extends z.ZodRawShape>(kind: K, description: string, details: D) =>
  z
    .strictObject({
      at: time,
      kind: z.literal(kind),
      actor: z.string().describe('Who caused it: an operator, a storefront, a gateway or the worker.'),
      details: z.strictObject(details),
    })
    .meta({ description });

const timelineEntry = z.discriminatedUnion('kind', [
  entry('transition', 'The order changed, with or without a change of state.', {
    from: state,
    to: state,
    reason: z.string(),
    version: z.int(),
  }),
  entry('stock_movement', 'Stock was reserved, released, committed or shipped.', {
    sku: z.string(),
    movement: z.string().describe('As in the stock ledger: `reserve`, `release`, `commit`, `ship` …'),
    reason: z.string(),
    isOfFlashSale: z.boolean(),
    onHand: change,
    reserved: change,
    committed: change,
  }),
  entry('payment_attempt', 'A payment attempt was created; `state` is its present state.', {
    attemptId: z.string(),
    number: z.int(),
    gateway: z.string(),
    state: z.enum(ATTEMPT_STATES),
    stateSince: time,
    method: z.string().nullable().describe('How the customer paid, as the gateway names it.'),
    amountRupiah: rupiah,
    outcome: z
      .enum(PAYMENT_OUTCOMES)
      .nullable()
      .describe('The payment outcome: what the receipt meant for the order.'),
    receivedRupiah: rupiah.nullable(),
    returnedRupiah: rupiah.describe('Refunded, or in a refund that has not ended.'),
    takenBackRupiah: rupiah.describe("Taken back by the payer's bank."),
    failureCode: z.string().nullable(),
    gatewayRef: z.string().nullable(),
    transactionId: z.string().nullable(),
    jobId: z.string().describe('The id of the job that last called the gateway.'),
    expiresAt: time,
    paidAt: time.nullable(),
  }),
  entry('payment_event', 'A gateway delivered a webhook event.', {
    attemptId: z.string(),
    outcome: z.string().nullable().describe('The result of applying it; null until a worker has applied it.'),
  }),
  entry('refund', 'A refund was requested; `state` is its present state.', {
    refundId: z.string(),
    attemptId: z.string(),
    exceptionId: z.int().nullable(),
    amountRupiah: rupiah,
    reason: z.string(),
    state: z.string(),
    gatewayRef: z.string().nullable(),
    failureCode: z.string().nullable(),
    bankReference: z
      .string()
      .nullable()
      .describe("The reference of the operator's transfer at the bank, of a manual refund."),
    updatedAt: time,
  }),
  entry('payment_exception', 'A payment exception was opened; `state` is its present state.', {
    exceptionId: z.int(),
    exception: z.string().describe('`second_payment`, `paid_too_late`, `chargeback` …'),
    state: z.string(),
    attemptId: z.string().nullable(),
    gateway: z.string(),
    amountRupiah: rupiah.nullable(),
    detail: z.string(),
  }),
  entry('payment_exception_resolved', 'A payment exception was resolved.', {
    exceptionId: z.int(),
    resolution: z.string(),
  }),
  entry(
    'money_movement',
    'An entry of the money ledger: money moved from account `credit` to account `debit`.',
    {
      movement: z.string().describe('`payment`, `sale`, `refund`, `fee` …'),
      debit: z.string(),
      credit: z.string(),
      amountRupiah: rupiah,
      reference: z.string().describe('The attempt or refund that caused it.'),
    },
  ),
  entry('shipment', 'The order was handed to a carrier.', {
    carrier: z.string(),
    trackingNumber: z.string(),
  }),
]);

export type TimelineEntry = z.output<typeof timelineEntry>;
export type OrderTimeline = z.output<typeof orderTimeline>;

export const orderTimeline = z
  .strictObject({
    order,
    entries: z.array(timelineEntry).describe('By time, oldest first.'),
    isComplete: z
      .boolean()
      .describe('False when a kind has more than 1,000 entries; the newest 1,000 are shown.'),
  })
  .meta({
    id: 'OrderTimeline',
    description: 'The order and its history.',
    examples: [
      {
        order: {
          orderId: EXAMPLE_ORDER_ID,
          storefrontId: 'toko-utama',
          requestId: '0f6f0e7c5b1f3a8c2e9d8f5b1c4a3e2d',
          state: 'reserved',
          reason: null,
          closingReason: null,
          version: 1,
          paymentMethod: 'online',
          customerName: 'Siti Rahma',
          items: [{ sku: 'KOPI-GAYO-250', name: 'Kopi Gayo 250 g', quantity: 1, unitPriceRupiah: 85_000 }],
          shippingFeeRupiah: 15_000,
          totalRupiah: 100_000,
          acceptedAt: '2026-12-12T05:00:00.000Z',
          payBefore: '2026-12-12T05:30:01.000Z',
          updatedAt: '2026-12-12T05:00:01.000Z',
        },
        entries: [
          {
            at: '2026-12-12T05:00:01.000Z',
            kind: 'transition',
            actor: 'worker',
            details: { from: 'queued', to: 'reserved', reason: 'stock allotted', version: 1 },
          },
          {
            at: '2026-12-12T05:00:01.000Z',
            kind: 'stock_movement',
            actor: 'worker',
            details: {
              sku: 'KOPI-GAYO-250',
              movement: 'reserve',
              reason: 'order reserved',
              isOfFlashSale: false,
              onHand: { from: 480, to: 480 },
              reserved: { from: 12, to: 13 },
              committed: { from: 3, to: 3 },
            },
          },
        ],
        isComplete: true,
      },
    ],
  });
