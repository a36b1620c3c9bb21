import { answersFor, commonCodesOf, problemSchema } from '@antrean/http';
import type { RouteOptions } from 'fastify';
import { z } from 'zod';
import { headersNamed } from './answer-headers.ts';
import { type KeyAccess, rulesOf } from './api-routes.ts';
import { messageOf } from './messages.ts';
import { type ProblemCode, PROBLEMS } from './problem-codes.ts';
import { notice } from './schemas.ts';

const SCHEMA_ID = 'Problem';

problemSchema(Object.keys(PROBLEMS) as ProblemCode[])
  .extend({
    message: z
      .string()
      .exactOptional()
      .describe(
        'For the customer, in the language of the request; absent when the request could not be parsed.',
      ),
    notice: notice.exactOptional(),
  })
  .meta({ id: SCHEMA_ID, description: 'RFC 9457.' });

const ANSWERS = {
  table: PROBLEMS,
  schemaId: SCHEMA_ID,
  headers: headersNamed('content-language'),
  exampleOf: (code: ProblemCode) => ({
    added: { message: messageOf(code, 'id') },
    ...(code in WRONG_FIELDS ? { errors: [WRONG_FIELDS[code as keyof typeof WRONG_FIELDS]] } : {}),
  }),
};

const WRONG_FIELDS = {
  invalid_request: { path: 'items.0.quantity', message: 'Too small: expected number to be >=1' },
  sold_out: { path: 'items.0.quantity', message: 'is more than the units left' },
};

/** The problems that a route may answer, as the OpenAPI document lists them. */
export function problemAnswersOf(route: RouteOptions): Record<string, object> {
  const { access, closedBy = [], problems = [] } = rulesOf(route);
  const codes: ProblemCode[] = [...commonCodesOf(route), ...closedBy, ...problems];
  if (route.config?.rateLimit !== false) codes.push('rate_limited');
  if (access !== 'public') {
    codes.push('unauthorized');
    if (access.scope !== 'any') codes.push('forbidden');
    if (acceptsPublishableKeys(access)) codes.push('origin_not_allowed');
  }
  return answersFor(ANSWERS, codes);
}

/** Publishable keys place orders, and read what any key may read. */
export function acceptsPublishableKeys({ scope }: KeyAccess): boolean {
  return scope === 'place' || scope === 'any';
}
