import { auditFlashSales, createFlashSale } from '@antrean/db';
import { z } from 'zod';
import { checked, type Command, readJson, Refused, text } from './command.ts';

const flashSale = z
  .strictObject({
    name: text(100),
    startsAt: z.iso.datetime({ offset: true }).pipe(z.coerce.date()),
    endsAt: z.iso.datetime({ offset: true }).pipe(z.coerce.date()),
    items: z
      .array(
        z.strictObject({
          sku: text(64),
          salePrice: z.int().positive().max(100_000_000_000),
          quota: z.int().positive().max(10_000_000),
          limitPerBuyer: z.int().positive().max(10_000_000).optional(),
        }),
      )
      .min(1)
      .max(10_000)
      .refine((items) => new Set(items.map(({ sku }) => sku)).size === items.length, 'names a SKU twice'),
  })
  .refine(({ startsAt, endsAt }) => startsAt < endsAt, {
    path: ['endsAt'],
    message: 'must be after startsAt',
  });

export const createSale: Command = async ({ db, operator, catalogueChanged }, [file = '']) => {
  const { items, ...campaign } = checked(flashSale, file, readJson(file));
  const outcome = await createFlashSale(db, {
    ...campaign,
    items: items.map(({ salePrice, limitPerBuyer = null, ...item }) => ({
      ...{ ...item, salePriceRupiah: salePrice, limitPerBuyer },
    })),
    createdBy: operator,
  });
  const { name, startsAt, endsAt } = campaign;
  switch (outcome.kind) {
    case 'created':
      await catalogueChanged();
      console.log(`${name}: ${items.length} products, ${startsAt.toISOString()} to ${endsAt.toISOString()}.`);
      return;
    case 'unknown_products':
      throw new Refused(`There are no products ${outcome.skus.join(', ')}. Nothing was created.`);
    case 'name_taken':
      throw new Refused(`There is a flash sale called ${name} already. Give this one another name.`);
    case 'overlaps':
      throw new Refused('One of its products is in another flash sale at that time. Nothing was created.');
  }
};

export const listSales: Command = async ({ db }) => console.table(await auditFlashSales(db));
