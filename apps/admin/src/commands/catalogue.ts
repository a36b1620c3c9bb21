import {
  createFlashSale,
  flashSaleInput,
  listFlashSales,
  productsInput,
  saveProducts,
} from '@antrean/backoffice';
import { checked, type Command, done, listed, readJson, refused } from './command.ts';

const later = (isShownAtOnce: boolean): string =>
  isShownAtOnce ? '' : ' Redis does not answer: storefronts see the change some seconds later.';

export const products: Command = {
  words: 'FILE',
  summary: 'adds products from a JSON file, and changes name, description and category of known ones',
  details: `FILE holds {"products": [{"sku", "name", "description", "category", "price", "openingStock"}]}. Of a known
SKU openingStock is ignored, and another price is refused. Money is integer rupiah.`,
  redis: 'wanted',
  async run(context, [file = '']) {
    const answer = await saveProducts(context, checked(productsInput, file, readJson(file)));
    switch (answer.kind) {
      case 'saved': {
        const { added, changed, unchanged } = answer;
        const saved = `${added} products were added, ${changed} changed; ${unchanged} were unchanged.`;
        return done(answer, saved + later(answer.isShownAtOnce));
      }
      case 'other_prices':
        return refused(
          answer,
          `Prices cannot be changed, but the file has another price for ${answer.skus.join(', ')}. Nothing was saved.`,
        );
    }
    return answer satisfies never;
  },
};

export const flashSale: Command = {
  words: 'FILE',
  summary: 'creates a flash sale from a JSON file',
  details: `FILE holds {"name", "startsAt", "endsAt", "items": [{"sku", "salePrice", "quota", "limitPerBuyer"}]}. Times are
ISO 8601 with offset, money is integer rupiah; without limitPerBuyer there is no limit.`,
  redis: 'wanted',
  async run(context, [file = '']) {
    const asked = checked(flashSaleInput, file, readJson(file));
    const { name, startsAt, endsAt, items } = asked;
    const answer = await createFlashSale(context, asked);
    switch (answer.kind) {
      case 'created': {
        const window = `${startsAt.toISOString()} to ${endsAt.toISOString()}`;
        return done(answer, `${name}: ${items.length} products, ${window}.${later(answer.isShownAtOnce)}`);
      }
      case 'unknown_products':
        return refused(
          answer,
          `These products do not exist: ${answer.skus.join(', ')}. Nothing was created.`,
        );
      case 'name_taken':
        return refused(answer, `A flash sale called ${name} exists already. Choose another name.`);
      case 'overlaps':
        return refused(
          answer,
          'One of its products has another flash sale at that time. Nothing was created.',
        );
    }
    return answer satisfies never;
  },
};

export const flashSales: Command = {
  words: '',
  summary: 'lists the flash sales: quota, held, sold, and the totals of the ledger',
  run: async (context) => listed(await listFlashSales(context), 'There are no flash sales.'),
};
