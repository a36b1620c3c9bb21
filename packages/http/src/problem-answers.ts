import type { RouteOptions } from 'fastify';
import { z } from 'zod';
import { headersNamed } from './answer-headers.ts';
import { bodyOf, type CommonCode, Problem, type ProblemTable } from './problems.ts';

/** Answered before the request is parsed, so without the fields that an app adds to its problems. */
const BEFORE_A_REPLY: ReadonlySet<string> = new Set<CommonCode>(['malformed_request', 'request_timeout']);

/** The schema of a problem document, as all apps share it. */
export function problemSchema<Code extends string>(codes: readonly Code[]) {
  return z.object({
    type: z.string().describe('`urn:antrean:problem:` and the code.'),
    title: z.string(),
    status: z.int(),
    code: z.enum(codes).describe('For programs; it does not change.'),
    detail: z.string().describe('What happened and what to do, for developers.'),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .readonly()
      .exactOptional()
      .describe('The fields that are wrong, at most 20.'),
  });
}

/** The codes that any app's route may answer. */
export function commonCodesOf({ method, schema }: Pick<RouteOptions, 'method' | 'schema'>): CommonCode[] {
  return [
    'malformed_request',
    'request_timeout',
    'internal_error',
    'temporarily_unavailable',
    ...(schema?.querystring === undefined ? [] : (['invalid_request'] as const)),
    ...(schema?.params === undefined ? [] : (['not_found'] as const)),
    ...(method === 'POST' ? (['malformed_body', 'body_too_large', 'unsupported_media_type'] as const) : []),
  ];
}

export interface ProblemAnswers<Code extends string> {
  table: ProblemTable<Code>;
  /** The id of the app's problem schema. */
  schemaId: string;
  /** Headers that the app adds to its problems. */
  headers?: object;
  /** The fields that the app adds to a problem document, and the invalid fields. */
  exampleOf?: (code: Code | CommonCode) => { added?: object; errors?: { path: string; message: string }[] };
}

/** The documented answers for these codes, grouped by status, each code with an example. */
export function answersFor<Code extends string>(
  { table, schemaId, headers = {}, exampleOf }: ProblemAnswers<Code>,
  codes: readonly (Code | CommonCode)[],
): Record<string, object> {
  const example = (code: Code | CommonCode) => {
    const { added = {}, errors } = exampleOf?.(code) ?? {};
    const body = bodyOf(table, new Problem<Code>(code, undefined, errors));
    return BEFORE_A_REPLY.has(code) ? body : { ...body, ...added };
  };
  // In the order of the table, without duplicates.
  const inOrder = (Object.keys(table) as (Code | CommonCode)[]).filter((code) => codes.includes(code));
  const byStatus = Map.groupBy(inOrder, (code) => table[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, ofStatus]) => [
      status,
      {
        description: ofStatus.map((code) => `\`${code}\`: ${table[code].title}`).join('\n\n'),
        headers: {
          ...(ofStatus.every((code) => BEFORE_A_REPLY.has(code))
            ? {}
            : { ...headers, ...headersNamed('cache-control') }),
          ...(status === 429 || status === 503 ? headersNamed('retry-after') : {}),
        },
        content: {
          'application/problem+json': {
            schema: {
              allOf: [
                { $ref: `#/components/schemas/${schemaId}` },
                { type: 'object', properties: { status: { const: status }, code: { enum: ofStatus } } },
              ],
            },
            examples: Object.fromEntries(ofStatus.map((code) => [code, { value: example(code) }])),
          },
        },
      },
    ]),
  );
}
