import type { FastifyReply } from 'fastify';

/** A kind of problem: its HTTP status and its general title. */
interface ProblemKind {
  readonly status: number;
  readonly title: string;
}

/** Problems that any app may answer; each app's table begins with them. */
export const COMMON_PROBLEMS = {
  malformed_request: { status: 400, title: 'The request is not valid HTTP.' },
  malformed_body: { status: 400, title: 'The body is not valid JSON.' },
  invalid_request: { status: 400, title: 'The request is not valid for this route.' },
  not_found: { status: 404, title: 'Not found.' },
  request_timeout: { status: 408, title: 'The request did not arrive in time. Send it again.' },
  body_too_large: { status: 413, title: 'The body is too large.' },
  unsupported_media_type: { status: 415, title: 'The body must be application/json.' },
  internal_error: { status: 500, title: 'An internal error occurred.' },
  temporarily_unavailable: { status: 503, title: 'Temporarily unavailable. Send the same request again.' },
} as const satisfies Readonly<Record<string, ProblemKind>>;

export type CommonCode = keyof typeof COMMON_PROBLEMS;

/** Every problem that an app answers, by its stable code. */
export type ProblemTable<Code extends string = string> = Readonly<Record<Code | CommonCode, ProblemKind>>;

/** A refused request. The app's table gives the status and title of its code. */
export class Problem<Code extends string = string> extends Error {
  readonly code: Code | CommonCode;
  /** What happened and what to do, for developers. Without it, the title is sent. */
  readonly detail: string | undefined;
  readonly errors: readonly { path: string; message: string }[] | undefined;

  constructor(
    code: Code | CommonCode,
    detail?: string,
    errors?: readonly { path: string; message: string }[],
  ) {
    super(detail ?? code);
    this.code = code;
    this.detail = detail;
    this.errors = errors;
  }

  /** Seconds for Retry-After. A 503 without it says one second. */
  retryAfterSeconds: number | undefined;

  after(seconds: number): this {
    this.retryAfterSeconds = seconds;
    return this;
  }
}

/** RFC 9457. Never holds a stack trace or a library's own message. */
export function bodyOf<Code extends string>(table: ProblemTable<Code>, problem: Problem<Code>) {
  const { code, detail, errors } = problem;
  const { status, title } = table[code];
  return {
    type: `urn:antrean:problem:${code}`,
    title,
    status,
    code,
    detail: detail ?? title,
    ...(errors === undefined ? {} : { errors }),
  };
}

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** Answers with the problem document and the fields that the app adds. */
export function sendProblem<Code extends string>(
  table: ProblemTable<Code>,
  reply: FastifyReply,
  problem: Problem<Code>,
  added: object,
): FastifyReply {
  const body = bodyOf(table, problem);
  const after = problem.retryAfterSeconds ?? (body.status === 503 ? 1 : undefined);
  if (after !== undefined) void reply.header('retry-after', String(after));
  return reply
    .code(body.status)
    .header('cache-control', 'no-store')
    .type(PROBLEM_MEDIA_TYPE)
    .send({ ...body, ...added });
}

const FASTIFY_CODES: Readonly<Record<string, CommonCode>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: 'malformed_body',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'malformed_body',
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'malformed_body',
};

/** Maps an error of a request to its problem. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const { code, statusCode } = (error ?? {}) as { code?: unknown; statusCode?: unknown };
  const known = typeof code === 'string' ? FASTIFY_CODES[code] : undefined;
  if (known !== undefined) return new Problem(known);
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500)
    return new Problem('invalid_request');
  return new Problem('internal_error');
}
