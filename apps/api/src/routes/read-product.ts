import { ifNoneMatch, noQuery } from '@antrean/http';
import { z } from 'zod';
import {
  catalogueHeaders,
  catalogueRoute,
  EXAMPLE_PRODUCT,
  productAnswer,
  sendCatalogue,
  unchangedAnswer,
} from '../catalogue-answer.ts';
import type { ApiRouter } from '../api-routes.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { text } from '../order-body.ts';
import { Problem } from '../problems.ts';
import { notice } from '../schemas.ts';

export const readProductParams = z.strictObject({
  sku: text(64).meta({ description: 'The SKU as in the catalogue.', example: 'KOPI-GAYO-250' }),
});

export const readProductAnswer = z
  .object({ product: productAnswer, notice: notice.exactOptional() })
  .meta({ description: 'The product.', headers: catalogueHeaders, examples: [{ product: EXAMPLE_PRODUCT }] });

/** One product. Public: it needs no key. */
export function readProductRoute(app: ApiRouter, deps: ApiDependencies): void {
  const schema = {
    operationId: 'readProduct',
    summary: 'Read a product',
    tags: ['catalogue'],
    params: readProductParams,
    querystring: noQuery,
    headers: z.object(ifNoneMatch),
    response: { 200: readProductAnswer, 304: unchangedAnswer },
  };
  app.get('/v1/products/:sku', { config: catalogueRoute, schema }, async (request, reply) => {
    const { sku } = request.params as z.output<typeof readProductParams>;
    const found = await deps.catalogue.find(sku);
    if (found === undefined) throw new Problem('not_found', 'There is no product with this SKU.');
    const { changesAtMs, ...answer } = found;
    return sendCatalogue(
      deps,
      request,
      reply,
      answer satisfies z.output<typeof readProductAnswer>,
      changesAtMs,
    );
  });
}
