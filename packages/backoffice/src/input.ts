import {
  MAX_RUPIAH,
  PLAIN_LINE,
  readRupiah,
  SOMETHING_VISIBLE,
  tidied,
  UNTIDY_FACTOR,
} from '@antrean/domain';
import { z } from 'zod';

/** A line of text from an operator, with the API's rules for clients, so that a SKU saved here can be ordered. */
export const text = (max: number) =>
  z
    .string()
    .max(UNTIDY_FACTOR * max, { error: `must be at most ${max} characters`, abort: true })
    .overwrite(tidied)
    .min(1)
    .max(max)
    .regex(SOMETHING_VISIBLE, 'must contain something visible')
    .regex(PLAIN_LINE, 'must not contain control characters');

export const line = text(200);
export const sku = text(64);
/** An amount in rupiah: a number, or text as `readRupiah` reads it. */
const rupiahUpTo = (max: number) =>
  z
    .union([z.number(), z.string()], { error: 'must be an amount in rupiah' })
    .transform((given, context) => {
      if (typeof given === 'number') return given;
      const read = readRupiah(given);
      if (read.kind === 'read') return read.rupiah;
      context.issues.push({ code: 'custom', message: read.why, input: given });
      return z.NEVER;
    })
    .pipe(
      z
        .int('must be whole rupiah')
        .positive('must be more than 0 rupiah')
        .max(max, `must be at most ${max} rupiah`),
    );

/** The amount of one payment, refund or transfer. */
export const rupiah = rupiahUpTo(MAX_RUPIAH);
export const rupiahOrAll = z.union([z.literal('all'), rupiah], {
  // The reason why it is no amount.
  error: (issue) =>
    issue.code === 'invalid_union' ? issue.errors.at(-1)?.at(-1)?.message : 'must be an amount or all',
});
export const unitPrice = rupiahUpTo(100_000_000_000);
export const quantity = z.int().positive().max(10_000_000);

/** Whether no SKU is listed twice. */
export const namesEachOnce = (rows: readonly { sku: string }[]): boolean =>
  new Set(rows.map((row) => row.sku)).size === rows.length;
