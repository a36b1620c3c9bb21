import { saveProducts } from '@antrean/db';
import { CATEGORY } from '@antrean/domain';
import { z } from 'zod';
import { checked, type Command, readJson, Refused, text } from './command.ts';

const productFile = z.strictObject({
  products: z
    .array(
      z.strictObject({
        sku: text(64),
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
        price: z.int().positive().max(100_000_000_000),
        openingStock: z.int().nonnegative().max(10_000_000).default(0),
      }),
    )
    .min(1)
    .max(10_000)
    .refine((all) => new Set(all.map(({ sku }) => sku)).size === all.length, 'names a SKU twice'),
});

/** Adds the products of a file, and gives known ones their name, description and category. */
export const putProducts: Command = async ({ db, operator, catalogueChanged }, [file = '']) => {
  const { products } = checked(productFile, file, readJson(file));
  const outcome = await saveProducts(
    db,
    products.map(({ price, openingStock, ...product }) => ({
      ...{ ...product, priceRupiah: price, onHand: openingStock },
    })),
    operator,
  );
  if (outcome.kind === 'other_prices') {
    const skus = outcome.skus.join(', ');
    throw new Refused(`Prices cannot be changed, and ${skus} would have another one. Nothing was saved.`);
  }
  await catalogueChanged();
  const { added, changed } = outcome;
  const unchanged = products.length - added - changed;
  console.log(`${added} products were added, ${changed} changed; ${unchanged} were the same.`);
};
