import {
  MAX_RETURN_URL_LENGTH,
  PLAIN_LINE,
  PLAIN_LINES,
  returnUrlOf,
  SOMETHING_VISIBLE,
  tidied,
  UNTIDY_FACTOR,
} from '@antrean/domain';
import { z } from 'zod';
import { paymentMethod, rupiah } from './schemas.ts';

const between = (max: number) =>
  z
    .string()
    .max(UNTIDY_FACTOR * max, { error: `must be at most ${max} characters`, abort: true })
    .overwrite(tidied)
    .min(1)
    .max(max)
    .regex(SOMETHING_VISIBLE, 'must contain something visible');

/**
 * One line of a customer's text: tidied, without characters that PostgreSQL cannot store or pages should not show.
 */
export const text = (max: number) => between(max).regex(PLAIN_LINE, 'must not contain control characters');

/** Text of several lines. */
const lines = (max: number) =>
  between(max).regex(PLAIN_LINES, 'must not contain control characters but line breaks');

const phone = z.string().regex(/^\+?[0-9][0-9 -]{5,19}$/, 'must be a phone number');
/** In its canonical spelling. */
const returnUrl = z
  .string()
  .max(MAX_RETURN_URL_LENGTH, { error: `must be at most ${MAX_RETURN_URL_LENGTH} characters`, abort: true })
  .refine((given) => returnUrlOf(given) !== undefined, {
    error: `must be an https address of at most ${MAX_RETURN_URL_LENGTH} characters, without user name or password`,
    abort: true,
  })
  .overwrite((given) => returnUrlOf(given) ?? given)
  .meta({ format: 'uri' });
const amount = rupiah.max(1_000_000_000_000);

/** The body of `POST /v1/orders`. Unknown fields are refused; money is integer rupiah. */
export const orderBody = z
  .strictObject({
    customer: z.strictObject({
      id: text(100).optional().describe("The storefront's id of the customer, for limits per buyer."),
      name: text(120),
      email: z.email().max(254).toLowerCase(),
      phone,
    }),
    items: z
      .array(z.strictObject({ sku: text(64), quantity: z.int().min(1).max(1_000) }))
      .min(1)
      .max(50),
    paymentMethod,
    shippingFee: amount.optional().describe('In rupiah. Only a secret key may set it.'),
    expectedTotal: amount
      .optional()
      .describe(
        'The total that the storefront showed to the buyer, in rupiah, with shipping. If the total differs, the order is rejected.',
      ),
    shippingAddress: z
      .strictObject({
        recipient: text(120).optional(),
        phone: phone.optional(),
        street: lines(300),
        village: text(100).optional(),
        district: text(100).optional(),
        city: text(100),
        province: text(100),
        postalCode: z.string().regex(/^[0-9]{5}$/, 'must be five digits'),
      })
      .optional(),
    note: lines(500).optional(),
    returnUrl: returnUrl
      .optional()
      .describe(
        "Where the gateway's page leads the customer afterwards, on an origin registered for the storefront. For display " +
          'only: the gateway may add a query, and the order is paid when its status says so.',
      ),
  })
  .meta({
    examples: [
      {
        customer: { name: 'Siti Rahayu', email: 'siti@example.com', phone: '+62 812 3456 7890' },
        items: [{ sku: 'KOPI-250', quantity: 2 }],
        paymentMethod: 'online',
        expectedTotal: 150_000,
        returnUrl: 'https://toko.example/pesanan/7f3a9c',
      },
    ],
  });
