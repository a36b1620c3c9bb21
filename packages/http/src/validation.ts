import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';
import { Problem } from './problems.ts';

/** A body can have tens of thousands of errors. */
const MAX_ERRORS = 20;
const MAX_MESSAGE_LENGTH = 200;

const DETAILS: Readonly<Record<string, string>> = {
  body: 'The body does not match the schema of this route; see errors.',
  querystring: 'The query does not match the schema of this route; see errors.',
};

/**
 * Validates each part of a request once, by the zod schema of its route. Handlers get the parsed value. An
 * invalid body or query is `invalid_request` and names the fields; an invalid path parameter is `not_found`.
 */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  // Headers are only documented here. The handler checks them, with codes of its own.
  if (httpPart === 'headers') return () => true;
  return (given: unknown) => {
    const parsed = schema.safeParse(given);
    // Fastify passes a missing body as null, and it stays null.
    if (parsed.success) return parsed.data === null ? true : { value: parsed.data };
    return {
      error:
        httpPart === 'params' ? new Problem('not_found') : refusal(DETAILS[httpPart ?? ''], parsed.error),
    };
  };
};

function refusal(detail: string | undefined, { issues }: z.ZodError): Problem {
  return new Problem(
    'invalid_request',
    detail,
    issues.slice(0, MAX_ERRORS).map(({ path, message }) => ({
      path: path.join('.'),
      // The message may repeat a field name of the client.
      message: message.slice(0, MAX_MESSAGE_LENGTH).toWellFormed(),
    })),
  );
}
