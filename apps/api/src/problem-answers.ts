import type { RouteOptions } from 'fastify';
import { z } from 'zod';
import { headersNamed } from './answer-headers.ts';
import { type KeyAccess, rulesOf } from './api-routes.ts';
import { messageOf } from './messages.ts';
import { type ProblemCode, PROBLEMS } from './problem-codes.ts';
import { bodyOf, Problem } from './problems.ts';
import { notice } from './schemas.ts';

const CODES = Object.keys(PROBLEMS) as ProblemCode[];

const problemSchema = z
  .object({
    type: z.string().describe('`urn:antrean:problem:` and the code.'),
    title: z.string(),
    status: z.int(),
    code: z.enum(CODES).describe('What a program goes by; it does not change.'),
    detail: z.string().describe('What has happened and what to do, for developers.'),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .readonly()
      .exactOptional()
      .describe('The fields that are wrong, at most 20.'),
    message: z
      .string()
      .exactOptional()
      .describe('For customers, in the language of the request; absent only where that could not be read.'),
    notice: notice.exactOptional(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457.' });

/** Answered before anything is known of the request, not even its language: without a message. */
const BEFORE_A_REPLY: ReadonlySet<ProblemCode> = new Set(['malformed_request', 'request_timeout']);

/** Every code that a route may answer. */
export function problemsOf(route: RouteOptions): ProblemCode[] {
  const { method, schema } = route;
  const { access, closedBy = [], problems = [] } = rulesOf(route);
  const codes = new Set<ProblemCode>([
    ...BEFORE_A_REPLY,
    ...(['internal_error', 'temporarily_unavailable'] as const),
    ...closedBy,
    ...problems,
  ]);
  if (schema?.querystring !== undefined) codes.add('invalid_request');
  if (schema?.params !== undefined) codes.add('not_found');
  if (method === 'POST') {
    for (const code of ['malformed_body', 'body_too_large', 'unsupported_media_type'] as const)
      codes.add(code);
  }
  if (route.config?.rateLimit !== false) codes.add('rate_limited');
  if (access !== 'public') {
    codes.add('unauthorized');
    if (access.scope !== 'any') codes.add('forbidden');
    if (isForPages(access)) codes.add('origin_not_allowed');
  }
  return CODES.filter((code) => codes.has(code));
}

/** Publishable keys place orders, and read what is for any key. */
export function isForPages({ scope }: KeyAccess): boolean {
  return scope === 'place' || scope === 'any';
}

/** The answers of a document for these codes, by status, each code with an example. */
export function answersFor(codes: readonly ProblemCode[]): Record<string, object> {
  const byStatus = Map.groupBy(codes, (code) => PROBLEMS[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, ofStatus]) => [
      status,
      {
        description: ofStatus.map((code) => `\`${code}\`: ${PROBLEMS[code].title}`).join('\n\n'),
        headers: {
          ...(ofStatus.every((code) => BEFORE_A_REPLY.has(code))
            ? {}
            : headersNamed('content-language', 'cache-control')),
          ...(status === 429 || status === 503 ? headersNamed('retry-after') : {}),
        },
        content: {
          'application/problem+json': {
            schema: {
              allOf: [
                { $ref: '#/components/schemas/Problem' },
                { type: 'object', properties: { status: { const: status }, code: { enum: ofStatus } } },
              ],
            },
            examples: Object.fromEntries(ofStatus.map((code) => [code, { value: exampleOf(code) }])),
          },
        },
      },
    ]),
  );
}

function exampleOf(code: ProblemCode): z.output<typeof problemSchema> {
  const errors =
    code === 'invalid_request'
      ? [{ path: 'items.0.quantity', message: 'Too small: expected number to be >=1' }]
      : code === 'sold_out'
        ? [{ path: 'items.0.quantity', message: 'is more than is left' }]
        : undefined;
  const body = bodyOf(new Problem(code, undefined, errors));
  return BEFORE_A_REPLY.has(code) ? body : { ...body, message: messageOf(code, 'id') };
}
