import {
  GATEWAY_NAMES,
  type MoneyStatus,
  ORDER_STATES,
  type OrderStatus,
  PAYMENT_EXCEPTION_STATES,
  PAYMENT_METHODS,
  REFUND_STATES,
  REJECTION_REASONS,
} from '@antrean/domain';
import { ifNoneMatch } from '@antrean/http';
import { z } from 'zod';
import { headersNamed } from './answer-headers.ts';
import type { OrderDetails } from './order-details.ts';
import type { ShownStatus } from './shown-status.ts';

export const EXAMPLE_ORDER_ID = '7c0f6f0e-1f5b-8c3a-9d2e-5b8f4a1c2d3e';

export const orderParams = z.object({
  orderId: z
    .uuid()
    .toLowerCase()
    .meta({
      description: 'The `orderId` that was answered when the order was placed.',
      examples: [EXAMPLE_ORDER_ID],
    }),
});

export const orderQuery = z.strictObject({
  token: z.string().max(200).optional().describe("The order's token, from its `statusUrl`."),
});

export const acceptLanguage = {
  'accept-language': z
    .string()
    .optional()
    .meta({
      description: 'The language of `message`: Indonesian, unless the client prefers English.',
      examples: ['en'],
    }),
};

export const paymentMethod = z.enum(PAYMENT_METHODS);

export const rupiah = z.int().nonnegative();
const time = z.iso.datetime();
const state = z.enum(ORDER_STATES);

export const notice = z
  .object({ id: z.string(), en: z.string() })
  .meta({ id: 'Notice', description: 'A notice of the shop to all customers, in both languages.' });

const paymentStatus = z
  .object({
    state: z
      .enum(['pending', 'payable', 'checking', 'paid', 'refused'])
      .describe(
        'pending: the payment link or transfer amount is being made; payable: the customer can pay; checking: a payment was announced or came and does not pay the order so far, and the shop looks into it, so the customer pays nothing more; paid: the money has arrived; refused: no gateway takes this payment online, and the order can be changed to one of the alternatives.',
      ),
    method: paymentMethod,
    alternatives: z
      .array(paymentMethod)
      .exactOptional()
      .describe('Payment methods to which the order can be changed now.'),
    attemptId: z.string().exactOptional(),
    gateway: z.string().exactOptional(),
    url: z.url().exactOptional().describe("The gateway's payment page."),
    transfer: z
      .object({
        bank: z.string(),
        accountNumber: z.string(),
        accountHolder: z.string(),
        amount: rupiah.describe(
          'The exact amount to transfer; its last digits identify the order. If a part of it came, what is still to be transferred.',
        ),
        hasProof: z.boolean().describe('Whether a proof of transfer is attached and waits for review.'),
      })
      .exactOptional(),
    expiresAt: time.exactOptional().describe('The deadline of the payment.'),
  })
  .meta({ id: 'PaymentStatus', description: 'The payment of an order.' });

const moneyStatus = z
  .object({
    received: rupiah.describe(
      "What came, in all payments of the order, less what the payers' banks took back.",
    ),
    refunded: rupiah.describe('What was refunded.'),
    refunds: z
      .array(
        z.object({
          amount: rupiah,
          state: z
            .enum(['on_its_way', 'scheduled'])
            .describe(
              'on_its_way: it goes back by the way of the payment; scheduled: the shop will transfer it to the customer.',
            ),
        }),
      )
      .describe('Refunds that have not ended, the oldest first.'),
  })
  .meta({
    id: 'MoneyStatus',
    description: 'The money of an order, in rupiah. Absent until money came.',
    examples: [
      { received: 150_000, refunded: 50_000, refunds: [{ amount: 25_000, state: 'on_its_way' }] },
    ] satisfies MoneyStatus[],
  });

const orderStatus = z.object({
  orderId: z.uuid(),
  status: state,
  reason: z.enum(REJECTION_REASONS).exactOptional().describe('Why the order was rejected.'),
  total: rupiah
    .exactOptional()
    .describe('The total in rupiah, with shipping; absent until a worker has looked up the prices.'),
  items: z.array(
    z.object({
      sku: z.string(),
      quantity: z.int(),
      name: z.string().exactOptional(),
      unitPrice: rupiah.exactOptional(),
    }),
  ),
  payment: paymentStatus.exactOptional(),
  money: moneyStatus.exactOptional(),
  shipment: z.object({ carrier: z.string(), trackingNumber: z.string(), shippedAt: time }).exactOptional(),
  updatedAt: time,
});

/**
 * Compiles only while schema and domain type are identical, including optional fields. Two types that are assignable
 * to each other may differ by an optional field; TypeScript distinguishes them only when it compares two generic
 * functions. So T appears once in each, which the linter considers unnecessary.
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- T is what makes the compiler compare for identity
type Same<A, B> = [<T>() => T extends A ? 1 : 2] extends [<T>() => T extends B ? 1 : 2] ? true : never;
true satisfies Same<z.output<typeof orderStatus>, OrderStatus>;

const EXAMPLE_STATUS = {
  orderId: EXAMPLE_ORDER_ID,
  status: 'awaiting_payment',
  total: 150_000,
  items: [{ sku: 'KOPI-250', quantity: 2, name: 'Kopi Gayo 250 g', unitPrice: 75_000 }],
  payment: {
    state: 'payable',
    method: 'online',
    alternatives: ['bank_transfer'],
    attemptId: `${EXAMPLE_ORDER_ID}-1`,
    gateway: 'midtrans',
    url: 'https://pay.example/3f2a',
    expiresAt: '2026-11-24T10:30:00.000Z',
  },
  updatedAt: '2026-11-24T10:00:01.250Z',
} satisfies OrderStatus;

/** What only a secret key gets. */
const orderDetails = {
  customer: z.object({
    id: z.string().exactOptional(),
    name: z.string(),
    email: z.string(),
    phone: z.string(),
  }),
  shippingAddress: z.record(z.string(), z.string()).exactOptional(),
  note: z.string().exactOptional(),
  returnUrl: z.string().exactOptional(),
  shippingFee: rupiah,
  receipts: z
    .array(z.object({ gateway: z.enum(GATEWAY_NAMES), amount: rupiah, receivedAt: time }))
    .describe('Money that came for the order, oldest first.'),
  refunds: z
    .array(
      z.object({
        refundId: z.string(),
        amount: rupiah,
        state: z.enum(REFUND_STATES),
        reason: z.string(),
        requestedAt: time,
      }),
    )
    .describe('Money that goes or went back, oldest first.'),
  exceptions: z
    .array(
      z.object({
        kind: z.string(),
        state: z.enum(PAYMENT_EXCEPTION_STATES),
        amount: rupiah.exactOptional(),
        openedAt: time,
      }),
    )
    .describe('Money of the order that a person or a refund has to put right, or did.'),
};
true satisfies Same<z.output<z.ZodObject<typeof orderDetails>>, OrderDetails>;

const EXAMPLE_DETAILS = {
  customer: { name: 'Siti Rahayu', email: 'siti@example.com', phone: '+62 812 3456 7890' },
  shippingAddress: { city: 'Bandung', province: 'Jawa Barat', postalCode: '40111', street: 'Jl. Mawar 1' },
  shippingFee: 20_000,
  receipts: [{ gateway: 'midtrans', amount: 150_000, receivedAt: '2026-11-24T10:04:12.000Z' }],
  refunds: [
    {
      refundId: 'refund-1',
      amount: 50_000,
      state: 'pending',
      reason: 'one of two was broken',
      requestedAt: '2026-11-26T03:00:00.000Z',
    },
  ],
  exceptions: [
    { kind: 'operator_refund', state: 'refunding', amount: 50_000, openedAt: '2026-11-26T03:00:00.000Z' },
  ],
} satisfies OrderDetails;

/** The status of an order as clients get it. */
const shownStatus = orderStatus
  .extend({
    position: z
      .int()
      .positive()
      .exactOptional()
      .describe('The position in the queue while the order is queued; 1 is next.'),
    estimatedWaitMs: z
      .int()
      .nonnegative()
      .exactOptional()
      .describe('The estimated wait while the order is queued.'),
    message: z
      .string()
      .exactOptional()
      .describe('For the customer of a rejected order, in the language of the request.'),
    notice: notice.exactOptional(),
    ...z.object(orderDetails).partial().shape,
    details: z
      .literal('unavailable')
      .exactOptional()
      .describe(
        'For a secret key: customer, shippingFee, receipts, refunds and exceptions could not be read now.',
      ),
  })
  .meta({
    id: 'OrderStatus',
    description:
      'The order. In the answer to a secret key it has its details: customer, shippingAddress, note, returnUrl, ' +
      'shippingFee, receipts, refunds and exceptions. Events and answers to a token never have them.',
    examples: [EXAMPLE_STATUS, { ...EXAMPLE_STATUS, ...EXAMPLE_DETAILS }],
  });
true satisfies Same<z.output<typeof shownStatus>, ShownStatus>;

/** The answer to an accepted order. */
export const acceptedOrder = z
  .object({
    orderId: z.uuid(),
    status: state,
    position: z
      .int()
      .nonnegative()
      .describe('The position in the queue, 1 is next; 0 once the order has left the queue.'),
    estimatedWaitMs: z.int().nonnegative(),
    statusUrl: z.url().describe('Where the customer reads the order; contains its token.'),
    eventsUrl: z.url().describe('Where the customer follows the order; contains its token.'),
    notice: notice.exactOptional(),
  })
  .meta({
    description:
      'The order is stored on disk; a worker decides it. `Idempotency-Replayed: true` if it had been accepted before.',
    headers: headersNamed('location', 'idempotency-replayed', 'cache-control'),
    examples: [
      {
        orderId: EXAMPLE_ORDER_ID,
        status: 'queued',
        position: 42,
        estimatedWaitMs: 1_200,
        statusUrl: `https://api.example/v1/orders/${EXAMPLE_ORDER_ID}?token=q1w2e3`,
        eventsUrl: `https://api.example/v1/orders/${EXAMPLE_ORDER_ID}/events?token=q1w2e3`,
      },
    ],
  });

/** The answer to a requested change of an order: its status at that moment. */
export const queuedAnswer = z.object({ orderId: z.uuid(), status: state }).meta({
  description:
    'The request is queued; its outcome appears in the status of the order, to which `Location` points.',
  headers: headersNamed('location'),
  examples: [{ orderId: EXAMPLE_ORDER_ID, status: 'awaiting_payment' }],
});

export const queuedPaymentAnswer = queuedAnswer.extend({ payment: paymentStatus.exactOptional() }).meta({
  description:
    'The request is queued; its outcome appears in the status of the order, to which `Location` points.',
  headers: headersNamed('location'),
  examples: [{ orderId: EXAMPLE_ORDER_ID, status: 'awaiting_payment', payment: EXAMPLE_STATUS.payment }],
});

export const receivedAnswer = z.object({ received: z.literal(true) }).meta({
  description: 'The event is stored, or is of a kind that is ignored.',
  examples: [{ received: true }],
});

const readHeaders = headersNamed('etag', 'cache-control', 'retry-after');

export const readOrderSchema = {
  operationId: 'readOrder',
  summary: 'Read an order',
  description:
    'To poll, wait for the number of seconds in `Retry-After`, then send the last `ETag` as `If-None-Match`.',
  tags: ['orders'],
  params: orderParams,
  querystring: orderQuery,
  headers: z.object(ifNoneMatch),
  response: {
    200: shownStatus.meta({ headers: readHeaders }),
    304: z.null().meta({ description: 'The order has not changed.', headers: readHeaders }),
  },
};

export const orderEventsSchema = {
  operationId: 'followOrder',
  summary: 'Follow an order',
  description:
    'Server-sent events: `status` with the order as its data, now and at each change, until the order is paid or has ended.',
  tags: ['orders'],
  params: orderParams,
  querystring: orderQuery,
  headers: z.object({
    'last-event-id': z
      .string()
      .optional()
      .describe('The id of the last event received; browsers send it automatically.'),
  }),
  produces: ['text/event-stream'],
  response: {
    204: z.null().meta({
      description: 'The order has ended, and `Last-Event-ID` is its last event: do not connect again.',
      headers: headersNamed('cache-control'),
    }),
    200: z.string().meta({
      description: 'The events.',
      headers: headersNamed('cache-control'),
      examples: [`retry: 3000\n\nid: 2..id.0\nevent: status\ndata: ${JSON.stringify(EXAMPLE_STATUS)}\n\n`],
    }),
  },
};
