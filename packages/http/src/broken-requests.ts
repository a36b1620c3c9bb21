import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { bodyOf, Problem, PROBLEM_MEDIA_TYPE, type ProblemTable } from './problems.ts';

/** Fields of a connection that Node's own handler of client errors reads. */
interface Connection extends Socket {
  /** The answer that is being sent, or that is sent next. */
  _httpMessage?: ServerResponse | null;
  /** `incoming` is the request that is being read, or was read last. */
  parser?: { incoming?: IncomingMessage | null } | null;
}

/** Ends a connection that sent no valid request, with a problem document where an answer is possible. */
export function endWithProblem(table: ProblemTable): (error: { code?: string }, socket: Connection) => void {
  return ({ code }, socket) => {
    const { _httpMessage: answer, parser } = socket;
    const unread = parser?.incoming?.complete === false ? parser.incoming : undefined;
    if (answer && !answer.headersSent && answer.req !== unread) {
      // The invalid bytes follow a valid request, for example a body without a length. That request is
      // answered, and the connection closes afterwards.
      answer.shouldKeepAlive = false;
      return;
    }
    // An answer that has begun is not interrupted. A request that was refused before it was complete is
    // answered already.
    const isAnswered = answer ? answer.headersSent : unread !== undefined;
    // Browsers open connections in advance. A connection that sent no byte gets no answer: the browser would
    // take it for the answer to its next request.
    if (!socket.writable || socket.bytesRead === 0 || isAnswered) {
      socket.destroy();
      return;
    }
    const body = bodyOf(
      table,
      new Problem(code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'request_timeout' : 'malformed_request'),
    );
    const text = JSON.stringify(body);
    socket.end(
      `HTTP/1.1 ${body.status} ${STATUS_CODES[body.status]}\r\nContent-Type: ${PROBLEM_MEDIA_TYPE}\r\n` +
        `Content-Length: ${Buffer.byteLength(text)}\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n${text}`,
    );
  };
}
