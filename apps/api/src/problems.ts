import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply } from 'fastify';
import type { Notice } from '@antrean/redis';
import { languageOf, messageOf } from './messages.ts';
import { type ProblemCode, PROBLEMS } from './problem-codes.ts';

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

  /** Set, it is when to ask again; a 503 without it says in a second. */
  retryAfterSeconds: number | undefined;

  after(seconds: number): this {
    this.retryAfterSeconds = seconds;
    return this;
  }
}

/** RFC 9457. Never carries a stack trace or a library's own message. */
export function bodyOf(problem: Problem) {
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

/** With a message for the customer in the language of the request, and the shop's notice. */
export function sendProblem(reply: FastifyReply, problem: Problem, notice?: Notice): FastifyReply {
  const after = problem.retryAfterSeconds ?? (problem.status === 503 ? 1 : undefined);
  if (after !== undefined) void reply.header('retry-after', String(after));
  const language = languageOf(reply.request);
  return reply
    .code(problem.status)
    .header('content-language', language)
    .header('cache-control', 'no-store')
    .type(MEDIA_TYPE)
    .send({
      ...bodyOf(problem),
      message: messageOf(problem.code, language),
      ...(notice === undefined ? {} : { notice }),
    });
}

/** What Node knows of a connection, as its own handler of these errors reads it. */
interface Connection extends Socket {
  /** The answer whose turn it is, while it is not over. */
  _httpMessage?: ServerResponse | null;
  /** `incoming` is what was read last, or is being read. */
  parser?: { incoming?: IncomingMessage | null } | null;
}

/** For what never became a request, so that there is no reply to send with. */
export function endWithProblem({ code }: { code?: string }, socket: Connection): void {
  const { _httpMessage: answer, parser } = socket;
  const unread = parser?.incoming?.complete === false ? parser.incoming : undefined;
  if (answer && !answer.headersSent && answer.req !== unread) {
    // What cannot be read follows a request that could, as a body whose length was not told: that is answered, and the last.
    answer.shouldKeepAlive = false;
    return;
  }
  // An answer that is under way is not interrupted. What was refused before all of it was there is answered already.
  const isAnswered = answer ? answer.headersSent : unread !== undefined;
  // Browsers open connections ahead. Where no byte came none is answered: it would be taken for the answer to what is
  // asked next.
  if (!socket.writable || socket.bytesRead === 0 || isAnswered) {
    socket.destroy();
    return;
  }
  const problem = new Problem(code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'request_timeout' : 'malformed_request');
  const body = JSON.stringify(bodyOf(problem));
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\nContent-Type: ${MEDIA_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n${body}`,
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
