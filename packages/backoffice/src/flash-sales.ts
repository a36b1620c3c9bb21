import {
  auditFlashSales,
  createFlashSale as insertFlashSale,
  type FlashSaleAudit,
  type FlashSaleOutcome,
} from '@antrean/db';
import { z } from 'zod';
import { catalogueChanged } from './catalogue.ts';
import type { BackofficeContext } from './context.ts';
import { namesEachOnce, quantity, sku, text, unitPrice } from './input.ts';

export const flashSaleInput = z
  .strictObject({
    name: text(100),
    startsAt: z.iso.datetime({ offset: true }).pipe(z.coerce.date()),
    endsAt: z.iso.datetime({ offset: true }).pipe(z.coerce.date()),
    items: z
      .array(
        z.strictObject({ sku, salePrice: unitPrice, quota: quantity, limitPerBuyer: quantity.optional() }),
      )
      .min(1)
      .max(10_000)
      .refine(namesEachOnce, 'names a SKU twice'),
  })
  .refine(({ startsAt, endsAt }) => startsAt < endsAt, {
    path: ['endsAt'],
    message: 'must be after startsAt',
  });

export type FlashSaleAnswer =
  | { kind: 'created'; id: number; isShownAtOnce: boolean }
  | Exclude<FlashSaleOutcome, { kind: 'created' }>;

/** Creates a flash sale with its items, all or nothing. */
export async function createFlashSale(
  context: BackofficeContext,
  { items, ...campaign }: z.output<typeof flashSaleInput>,
): Promise<FlashSaleAnswer> {
  const outcome = await insertFlashSale(context.db, {
    ...campaign,
    items: items.map(({ salePrice: salePriceRupiah, limitPerBuyer = null, ...item }) => ({
      ...item,
      salePriceRupiah,
      limitPerBuyer,
    })),
    createdBy: context.actor,
  });
  if (outcome.kind !== 'created') return outcome;
  return { ...outcome, isShownAtOnce: await catalogueChanged(context) };
}

/** For each item: its quota, its held and sold units, and the totals of the ledger. */
export const listFlashSales = ({ db }: BackofficeContext): Promise<FlashSaleAudit[]> => auditFlashSales(db);
