import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { bodyOf, Problem, PROBLEM_MEDIA_TYPE, type ProblemTable } from './problems.ts';

/** What Node knows of a connection, as its own handler of these errors reads it. */
interface Connection extends Socket {
  /** The answer whose turn it is, while it is not over. */
  _httpMessage?: ServerResponse | null;
  /** `incoming` is what was read last, or is being read. */
  parser?: { incoming?: IncomingMessage | null } | null;
}

/** Ends a connection over which no valid request came, with a problem document where an answer is possible. */
export function endWithProblem(table: ProblemTable): (error: { code?: string }, socket: Connection) => void {
  return ({ code }, socket) => {
    const { _httpMessage: answer, parser } = socket;
    const unread = parser?.incoming?.complete === false ? parser.incoming : undefined;
    if (answer && !answer.headersSent && answer.req !== unread) {
      // What cannot be read follows a request that could, as a body whose length was not told: that one is answered,
      // and is the last.
      answer.shouldKeepAlive = false;
      return;
    }
    // An answer that is under way is not interrupted. What was refused before all of it was there is answered already.
    const isAnswered = answer ? answer.headersSent : unread !== undefined;
    // Browsers open connections ahead. Without a byte received there is no answer: the browser would take it for the
    // answer to its next request.
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
