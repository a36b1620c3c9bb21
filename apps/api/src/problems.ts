import type { Writable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { z } from 'zod';

/** Every error the API answers: its stable code, HTTP status, and the general title. */
export const PROBLEMS = {
  malformed_request: { status: 400, title: 'The request is not valid HTTP.' },
  malformed_body: { status: 400, title: 'The body is not valid JSON.' },
  invalid_request: { status: 400, title: 'The request does not have the form this route asks for.' },
  idempotency_key_missing: { status: 400, title: 'An order needs an Idempotency-Key header.' },
  unauthorized: { status: 401, title: 'The key is missing or not valid.' },
  forbidden: { status: 403, title: 'This key may not do that.' },
  not_found: { status: 404, title: 'There is nothing here.' },
  order_not_shippable: { status: 409, title: 'Only a paid order can be shipped.' },
  order_not_cancellable: {
    status: 409,
    title: 'This order is paid or has ended, so it cannot be cancelled.',
  },
  order_not_payable: { status: 409, title: 'This order is not waiting to be paid.' },
  payment_already_by_this_method: { status: 409, title: 'This order is to be paid by this method already.' },
  transfer_under_review: { status: 409, title: 'A proof of transfer is being looked at.' },
  too_late_to_switch: { status: 409, title: 'Too little time is left for this method.' },
  too_many_payment_attempts: { status: 409, title: 'This order has been given too many ways to pay.' },
  no_transfer_expected: { status: 409, title: 'This order is not to be paid by bank transfer now.' },
  body_too_large: { status: 413, title: 'The body is larger than 64 KiB.' },
  unsupported_media_type: { status: 415, title: 'The body must be application/json.' },
  idempotency_key_reused: { status: 422, title: 'This Idempotency-Key was used with another body.' },
  rate_limited: { status: 429, title: 'Too many requests.' },
  internal_error: { status: 500, title: 'Something went wrong on our side.' },
  temporarily_unavailable: {
    status: 503,
    title: 'This cannot be done just now. Send the same request again.',
  },
} as const;

export type ProblemCode = keyof typeof PROBLEMS;

export class Problem extends Error {
  readonly code: ProblemCode;
  readonly errors: readonly { path: string; message: string }[] | undefined;

  constructor(code: ProblemCode, detail?: string, errors?: readonly { path: string; message: string }[]) {
    super(detail ?? PROBLEMS[code].title);
    this.code = code;
    this.errors = errors;
  }

  get status(): number {
    return PROBLEMS[this.code].status;
  }
}

/** The body as the schema has it. Throws `invalid_request`, naming every field that is wrong. */
export function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new Problem(
    'invalid_request',
    'The body does not have the form that this route asks for; see errors.',
    parsed.error.issues.map((issue) => ({ path: issue.path.join('.'), message: issue.message })),
  );
}

/** RFC 9457. Never carries a stack trace or a library's own message. */
function bodyOf(problem: Problem) {
  return {
    type: `urn:antrean:problem:${problem.code}`,
    title: PROBLEMS[problem.code].title,
    status: problem.status,
    code: problem.code,
    detail: problem.message,
    ...(problem.errors === undefined ? {} : { errors: problem.errors }),
  };
}

const MEDIA_TYPE = 'application/problem+json';

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  if (problem.status === 503) void reply.header('retry-after', '1');
  return reply.code(problem.status).type(MEDIA_TYPE).send(bodyOf(problem));
}

/** For what is not even HTTP, so that there is no reply to send with. */
export function endWithProblem(socket: Writable): void {
  if (!socket.writable) return;
  const body = JSON.stringify(bodyOf(new Problem('malformed_request')));
  socket.end(
    `HTTP/1.1 400 Bad Request\r\nContent-Type: ${MEDIA_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `Connection: close\r\n\r\n${body}`,
  );
}

const FASTIFY_CODES: Readonly<Record<string, ProblemCode>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: 'malformed_body',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'malformed_body',
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'malformed_body',
};

export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const { code, statusCode } = (error ?? {}) as { code?: unknown; statusCode?: unknown };
  const known = typeof code === 'string' ? FASTIFY_CODES[code] : undefined;
  if (known !== undefined) return new Problem(known);
  if (statusCode === 429) return new Problem('rate_limited');
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500)
    return new Problem('invalid_request');
  return new Problem('internal_error');
}
