import { ORDER_STATES, type OrderStatus } from '@antrean/domain';
import { ifNoneMatch } from '@antrean/http';
import { z } from 'zod';
import { headersNamed } from './answer-headers.ts';
import type { ShownStatus } from './shown-status.ts';

export const EXAMPLE_ORDER_ID = '7c0f6f0e-1f5b-8c3a-9d2e-5b8f4a1c2d3e';

export const orderParams = z.object({
  orderId: z
    .uuid()
    .toLowerCase()
    .meta({ description: 'As the answer to the order named it.', examples: [EXAMPLE_ORDER_ID] }),
});

export const orderQuery = z.strictObject({
  token: z.string().max(200).optional().describe("The order's token, as in its statusUrl."),
});

export const acceptLanguage = {
  'accept-language': z
    .string()
    .optional()
    .meta({ description: 'For `message`: Indonesian, unless English is preferred.', examples: ['en'] }),
};

export const paymentMethod = z.enum(['online', 'bank_transfer']);

export const rupiah = z.int().nonnegative();
const time = z.iso.datetime();
const state = z.enum(ORDER_STATES);

export const notice = z
  .object({ id: z.string(), en: z.string() })
  .meta({ id: 'Notice', description: 'What everybody is told just now, in both languages.' });

const paymentStatus = z
  .object({
    state: z
      .enum(['pending', 'payable', 'paid'])
      .describe(
        'pending: the payment link or transfer amount is being made; payable: the customer can pay; paid: the money has come.',
      ),
    method: paymentMethod,
    alternatives: z
      .array(paymentMethod)
      .exactOptional()
      .describe('Other ways to pay that can be asked for now.'),
    attemptId: z.string().exactOptional(),
    gateway: z.string().exactOptional(),
    url: z.url().exactOptional().describe("Of the gateway's page."),
    transfer: z
      .object({
        bank: z.string(),
        accountNumber: z.string(),
        accountHolder: z.string(),
        amount: rupiah.describe('To be sent to the rupiah: the last digits tell whose it is.'),
        hasProof: z
          .boolean()
          .describe('Whether a proof is attached; the order waits for it to be looked at.'),
      })
      .exactOptional(),
    expiresAt: time.exactOptional().describe('By when it must be paid.'),
  })
  .meta({ id: 'PaymentStatus', description: 'How an order is paid, or was.' });

const orderStatus = z.object({
  orderId: z.uuid(),
  status: state,
  reason: z.string().exactOptional().describe('Why it was rejected.'),
  total: rupiah.exactOptional().describe('In rupiah, shipping included; absent until the prices are known.'),
  items: z.array(
    z.object({
      sku: z.string(),
      quantity: z.int(),
      name: z.string().exactOptional(),
      unitPrice: rupiah.exactOptional(),
    }),
  ),
  payment: paymentStatus.exactOptional(),
  shipment: z.object({ carrier: z.string(), trackingNumber: z.string(), shippedAt: time }).exactOptional(),
  updatedAt: time,
});

/**
 * Compiles only while the schema says what the domain says, to the last optional field. Of two types that can be assigned
 * to each other, one may have an optional field more; TypeScript tells them apart only where it must prove two generic
 * functions alike. So T stands once in each, which the linter would have for needless.
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

/** The status of an order as it is answered. */
const shownStatus = orderStatus
  .extend({
    position: z
      .int()
      .positive()
      .exactOptional()
      .describe('While it is queued: its place in line, 1 for the next.'),
    estimatedWaitMs: z.int().nonnegative().exactOptional().describe('While it is queued.'),
    message: z
      .string()
      .exactOptional()
      .describe('For the customer of a rejected order, in the language of the request.'),
    notice: notice.exactOptional(),
  })
  .meta({ id: 'OrderStatus', description: 'The order.', examples: [EXAMPLE_STATUS] });
true satisfies Same<z.output<typeof shownStatus>, ShownStatus>;

/** The answer to an order that was taken. */
export const acceptedOrder = z
  .object({
    orderId: z.uuid(),
    status: state,
    position: z
      .int()
      .nonnegative()
      .describe('Its place in line, 1 for the next; 0 once it is out of the line.'),
    estimatedWaitMs: z.int().nonnegative(),
    statusUrl: z.url().describe('Where to read it, with its token: for the customer only.'),
    eventsUrl: z.url().describe('Where to follow it, with its token: for the customer only.'),
    notice: notice.exactOptional(),
  })
  .meta({
    description:
      'It is on disk, and a worker will decide it. `Idempotency-Replayed: true` where it was taken before.',
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

/** What is answered to something asked about an order: how the order is just now. */
export const askedAnswer = z.object({ orderId: z.uuid(), status: state }).meta({
  description:
    'It is on its way; the outcome will be in the status of the order, to which `Location` points.',
  headers: headersNamed('location'),
  examples: [{ orderId: EXAMPLE_ORDER_ID, status: 'awaiting_payment' }],
});

export const askedPaymentAnswer = askedAnswer.extend({ payment: paymentStatus.exactOptional() }).meta({
  description:
    'It is on its way; the outcome will be in the status of the order, to which `Location` points.',
  headers: headersNamed('location'),
  examples: [{ orderId: EXAMPLE_ORDER_ID, status: 'awaiting_payment', payment: EXAMPLE_STATUS.payment }],
});

export const receivedAnswer = z
  .object({ received: z.literal(true) })
  .meta({ description: 'It is stored, or nothing that is used here.', examples: [{ received: true }] });

const readHeaders = headersNamed('etag', 'cache-control', 'retry-after');

export const readOrderSchema = {
  operationId: 'readOrder',
  summary: 'Read an order',
  description: 'Ask again after the seconds of `Retry-After`, with the `ETag` that was answered.',
  tags: ['orders'],
  params: orderParams,
  querystring: orderQuery,
  headers: z.object(ifNoneMatch),
  response: {
    200: shownStatus.meta({ headers: readHeaders }),
    304: z.null().meta({ description: 'It has not changed.', headers: readHeaders }),
  },
};

export const orderEventsSchema = {
  operationId: 'followOrder',
  summary: 'Follow an order',
  description:
    'Server-sent events: `status` with the order as its data, now and at each change, until the wait is over.',
  tags: ['orders'],
  params: orderParams,
  querystring: orderQuery,
  headers: z.object({
    'last-event-id': z
      .string()
      .optional()
      .describe('Of the last event that was seen; a browser sends it by itself.'),
  }),
  produces: ['text/event-stream'],
  response: {
    204: z.null().meta({
      description: 'It is settled, and `Last-Event-ID` names how it ended: do not connect again.',
      headers: headersNamed('cache-control'),
    }),
    200: z.string().meta({
      description: 'The events.',
      headers: headersNamed('cache-control'),
      examples: [`retry: 3000\n\nid: 2..id.0\nevent: status\ndata: ${JSON.stringify(EXAMPLE_STATUS)}\n\n`],
    }),
  },
};
