import { saveProducts as saveAll, type SavedProducts } from '@antrean/db';
import { CATEGORY } from '@antrean/domain';
import { z } from 'zod';
import { catalogueChanged } from './catalogue.ts';
import type { BackofficeContext } from './context.ts';
import { namesEachOnce, sku, text, unitPrice } from './input.ts';

export const productsInput = z.strictObject({
  products: z
    .array(
      z.strictObject({
        sku,
        name: text(200),
        description: z
          .string()
          .default('')
          .transform((given) => (given.trim() === '' ? undefined : given))
          .pipe(text(2_000).default('')),
        category: z
          .string()
          .max(64)
          .regex(CATEGORY, 'must be lower-case words with hyphens between them')
          .optional(),
        price: unitPrice,
        openingStock: z.int().nonnegative().max(10_000_000).default(0),
      }),
    )
    .min(1)
    .max(10_000)
    .refine(namesEachOnce, 'names a SKU twice'),
});

export type ProductsAnswer =
  | { kind: 'saved'; added: number; changed: number; unchanged: number; isShownAtOnce: boolean }
  | Exclude<SavedProducts, { kind: 'saved' }>;

/** Adds products, and updates name, description and category of known ones; all or nothing. */
export async function saveProducts(
  context: BackofficeContext,
  { products }: z.output<typeof productsInput>,
): Promise<ProductsAnswer> {
  const outcome = await saveAll(
    context.db,
    products.map(({ price: priceRupiah, openingStock: onHand, ...product }) => ({
      ...product,
      priceRupiah,
      onHand,
    })),
    context.actor,
  );
  if (outcome.kind !== 'saved') return outcome;
  const unchanged = products.length - outcome.added - outcome.changed;
  return { ...outcome, unchanged, isShownAtOnce: await catalogueChanged(context) };
}
