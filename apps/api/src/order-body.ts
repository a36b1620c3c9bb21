import { z } from 'zod';

/** Normalised, and without what PostgreSQL cannot store or no page should meet. */
export const text = (max: number) =>
  z
    .string()
    .trim()
    .normalize()
    .min(1)
    .max(max)
    .regex(/^\P{Cc}*$/u, 'must not contain control characters')
    .refine((value) => value.isWellFormed(), 'must be well-formed Unicode');
const rupiah = z.int().nonnegative().max(1_000_000_000_000);

/** The body of `POST /v1/orders`. Unknown fields are refused; money is integer rupiah. */
export const orderBody = z.strictObject({
  customer: z.strictObject({
    id: text(100).optional(),
    name: text(120),
    email: z.email().max(254),
    phone: z.string().regex(/^\+?[0-9][0-9 -]{5,19}$/, 'must be a phone number'),
  }),
  items: z
    .array(z.strictObject({ sku: text(64), quantity: z.int().min(1).max(1_000) }))
    .min(1)
    .max(50),
  paymentMethod: z.enum(['online', 'bank_transfer']),
  shippingFee: rupiah.optional(),
  expectedTotal: rupiah.optional(),
  shippingAddress: z
    .strictObject({
      recipient: text(120).optional(),
      phone: text(20).optional(),
      street: text(300),
      village: text(100).optional(),
      district: text(100).optional(),
      city: text(100),
      province: text(100),
      postalCode: z.string().regex(/^[0-9]{5}$/, 'must be five digits'),
    })
    .optional(),
  note: text(500).optional(),
});
