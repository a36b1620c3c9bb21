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
  requestId: z.string().describe('Of the request that placed it, as in the logs.'),
  state,
  reason: z.string().nullable().describe('Why it was rejected.'),
  closingReason: z.string().nullable().describe('Why it was closed, once that began.'),
  version: z.int().describe('Grows with each change.'),
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
  totalRupiah: rupiah.nullable().describe('Shipping included; null where a product is unknown.'),
  acceptedAt: time,
  payBefore: time.nullable().describe('The deadline of the payment.'),
  updatedAt: time,
});

const entry = <K extends string, D extends z.ZodRawShape>(kind: K, description: string, details: D) =>
  z
    .strictObject({
      at: time,
      kind: z.literal(kind),
      actor: z.string().describe('Who made it: an operator, a storefront, a gateway, the worker.'),
      details: z.strictObject(details),
    })
    .meta({ description });

const timelineEntry = z.discriminatedUnion('kind', [
  entry('transition', 'The order changed: its state, or something of it within one state.', {
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
  entry('payment_attempt', 'A payment was begun; its state is the present one.', {
    attemptId: z.string(),
    number: z.int(),
    gateway: z.string(),
    state: z.enum(ATTEMPT_STATES),
    stateSince: time,
    method: z.string().nullable().describe('How the customer paid, in the word of the gateway.'),
    amountRupiah: rupiah,
    outcome: z.enum(PAYMENT_OUTCOMES).nullable().describe('What the money that came meant for the order.'),
    receivedRupiah: rupiah.nullable(),
    returnedRupiah: rupiah.describe('Refunded, or about to be.'),
    takenBackRupiah: rupiah.describe("Taken back by the payer's bank."),
    failureCode: z.string().nullable(),
    gatewayRef: z.string().nullable(),
    transactionId: z.string().nullable(),
    jobId: z.string().describe('The job that last called the gateway.'),
    expiresAt: time,
    paidAt: time.nullable(),
  }),
  entry('payment_event', 'A webhook event of a gateway came.', {
    attemptId: z.string(),
    outcome: z.string().nullable().describe('What came of it; null while it waits to be applied.'),
  }),
  entry('refund', 'A refund was requested; its state is the present one.', {
    refundId: z.string(),
    attemptId: z.string(),
    exceptionId: z.int().nullable(),
    amountRupiah: rupiah,
    reason: z.string(),
    state: z.string(),
    gatewayRef: z.string().nullable(),
    failureCode: z.string().nullable(),
    payoutReference: z.string().nullable().describe('Of a manual refund.'),
    updatedAt: time,
  }),
  entry('payment_exception', 'Money had to be put right; the state is the present one.', {
    exceptionId: z.int(),
    exception: z.string().describe('`second_payment`, `paid_too_late`, `chargeback` …'),
    state: z.string(),
    attemptId: z.string().nullable(),
    gateway: z.string(),
    amountRupiah: rupiah.nullable(),
    detail: z.string(),
  }),
  entry('payment_exception_resolved', 'It was put right.', {
    exceptionId: z.int(),
    resolution: z.string(),
  }),
  entry('money_movement', 'A row of the money ledger: `credit` gives to `debit`.', {
    movement: z.string().describe('`payment`, `sale`, `refund`, `fee` …'),
    debit: z.string(),
    credit: z.string(),
    amountRupiah: rupiah,
    reference: z.string().describe('The attempt or refund that it comes from.'),
  }),
  entry('shipment', 'The order was handed to its carrier.', {
    carrier: z.string(),
    trackingNumber: z.string(),
  }),
]);

export type TimelineEntry = z.output<typeof timelineEntry>;
export type OrderTimeline = z.output<typeof orderTimeline>;

export const orderTimeline = z
  .strictObject({
    order,
    entries: z.array(timelineEntry).describe('By time, the oldest first.'),
    isComplete: z.boolean().describe('False where only the newest 1,000 entries of a kind are shown.'),
  })
  .meta({
    id: 'OrderTimeline',
    description: 'The order, and what happened to it.',
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
