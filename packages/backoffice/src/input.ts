import { PLAIN_LINE, SOMETHING_VISIBLE, tidied, UNTIDY_FACTOR } from '@antrean/domain';
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
/** The amount of one payment, refund or transfer. */
export const rupiah = z.int().positive().max(1_000_000_000_000);
export const unitPrice = z.int().positive().max(100_000_000_000);
export const quantity = z.int().positive().max(10_000_000);

/** Whether no SKU is listed twice. */
export const namesEachOnce = (rows: readonly { sku: string }[]): boolean =>
  new Set(rows.map((row) => row.sku)).size === rows.length;
