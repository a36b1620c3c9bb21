import { ifNoneMatch } from '@antrean/http';
import { CATEGORY } from '@antrean/domain';
import { z } from 'zod';
import {
  catalogueHeaders,
  catalogueRoute,
  EXAMPLE_PRODUCT,
  productAnswer,
  sendCatalogue,
  unchangedAnswer,
} from '../catalogue-answer.ts';
import { DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE } from '../catalogue.ts';
import type { ApiRouter } from '../api-routes.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { text } from '../order-body.ts';
import { notice } from '../schemas.ts';

/** The position where a page ended, opaque to clients. */
const cursorOf = (id: number): string => Buffer.from(`after ${id}`).toString('base64url');

const cursor = z
  .string()
  .max(40)
  .transform((given, context) => {
    const id = Number(/^after ([1-9][0-9]{0,14})$/.exec(Buffer.from(given, 'base64url').toString())?.[1]);
    if (cursorOf(id) === given) return id;
    context.addIssue({ code: 'custom', message: 'must be the unchanged `next` of a page' });
    return z.NEVER;
  });

/** The query of `GET /v1/products`. Unknown fields are refused. */
export const listProductsQuery = z.strictObject({
  category: z
    .string()
    .max(64)
    .regex(CATEGORY, 'must be lower-case words with hyphens between them')
    .optional()
    .meta({ description: 'Only products of this category.', example: 'kopi' }),
  search: text(100)
    // With fewer, the trigram index finds nothing and PostgreSQL would scan every product. Under some locales the
    // index knows no other letters.
    .regex(/[A-Za-z0-9]{3}/, 'must hold three consecutive letters a to z or digits')
    .optional()
    .meta({
      description:
        'Only products with this text in SKU, name or description, ignoring case. The text must hold three consecutive letters a to z or digits.',
      example: 'gayo',
    }),
  after: cursor
    .optional()
    .meta({ description: 'The `next` of the previous page, with the same category and search.' }),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(MAX_PAGE_SIZE)
    .default(DEFAULT_PAGE_SIZE)
    .meta({ description: 'The maximum number of products in a page.' }),
});

export const listProductsAnswer = z
  .object({
    products: z.array(productAnswer),
    next: z.string().nullable().meta({ description: 'The `after` of the next page; null on the last page.' }),
    notice: notice.exactOptional(),
  })
  .meta({
    description: 'A page of the catalogue.',
    headers: catalogueHeaders,
    examples: [{ products: [EXAMPLE_PRODUCT], next: null }],
  });

/** A page of the catalogue, oldest products first. Public: it needs no key. */
export function listProductsRoute(app: ApiRouter, deps: ApiDependencies): void {
  const schema = {
    operationId: 'listProducts',
    summary: 'List products',
    tags: ['catalogue'],
    querystring: listProductsQuery,
    headers: z.object(ifNoneMatch),
    response: { 200: listProductsAnswer, 304: unchangedAnswer },
  };
  app.get('/v1/products', { config: catalogueRoute, schema }, async (request, reply) => {
    const query = request.query as z.output<typeof listProductsQuery>;
    const { products, lastId, hasMore, changesAtMs } = await deps.catalogue.list(query);
    const answer: z.output<typeof listProductsAnswer> = {
      products,
      next: hasMore && lastId !== undefined ? cursorOf(lastId) : null,
    };
    return sendCatalogue(deps, request, reply, answer, changesAtMs);
  });
}
