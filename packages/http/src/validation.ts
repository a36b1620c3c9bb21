import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';
import { Problem } from './problems.ts';

/** A body can be wrong in tens of thousands of places. */
const MAX_ERRORS = 20;
const MAX_MESSAGE_LENGTH = 200;

const DETAILS: Readonly<Record<string, string>> = {
  body: 'The body does not have the form that this route asks for; see errors.',
  querystring: 'The query does not have the form that this route asks for; see errors.',
};

/**
 * Each part of a request is checked once, by the zod schema of its route, and is from there on as the schema has it.
 * What is wrong is `invalid_request`, naming the fields; an address of a wrong form is `not_found`.
 */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  // Described only: a header is checked where it is used, and has a code or a meaning of its own when it is wrong.
  if (httpPart === 'headers') return () => true;
  return (given: unknown) => {
    const parsed = schema.safeParse(given);
    // No body is handed over as null, and stays none.
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
      // It may repeat a name that was sent.
      message: message.slice(0, MAX_MESSAGE_LENGTH).toWellFormed(),
    })),
  );
}
