// The HTTP client of simulated customers: node:http, which needs less CPU than fetch.
import { once } from 'node:events';
import http from 'node:http';

const TIMEOUT_MS = 15_000;

export interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}

export interface HttpClient {
  /** `path` includes the query. Rejects if the connection breaks, or sends nothing for 15 s. */
  ask(method: 'GET' | 'POST', path: string, headers?: Headers, body?: string): Promise<Answer>;
  /**
   * Follows server-sent events over its own connection, until `onEvent` returns true, the server ends the stream, or
   * `limitMs` have passed. Resolves with the status of the answer.
   */
  follow(path: string, options: FollowOptions): Promise<number>;
  close(): void;
}

type Headers = Readonly<Record<string, string>>;

interface FollowOptions {
  headers?: Headers;
  limitMs: number;
  /** Called with the `data` of an event. */
  onEvent: (data: string) => boolean;
}

/** Uses at most `sockets` keep-alive connections; with 0, a new connection each time. */
export function openHttpClient(baseUrl: string, sockets: number): HttpClient {
  const { hostname, port } = new URL(baseUrl);
  const agent = sockets === 0 ? false : new http.Agent({ keepAlive: true, maxSockets: sockets });
  return {
    // Events without an AbortSignal need a quarter less CPU.
    ask: (method, path, headers = {}, body = '') =>
      new Promise((resolve, reject) => {
        const sent = http.request({
          ...{ hostname, port, method, path, agent, timeout: TIMEOUT_MS },
          headers: method === 'GET' ? headers : { ...headers, 'content-length': Buffer.byteLength(body) },
        });
        sent.once('timeout', () => sent.destroy(new Error(`No answer within ${TIMEOUT_MS} ms.`)));
        sent.once('error', reject);
        sent.once('response', (answer) => {
          let text = '';
          answer.setEncoding('utf8');
          answer.on('data', (part: string) => {
            text += part;
          });
          answer.once('error', reject);
          answer.once('end', () => {
            resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text });
          });
        });
        sent.end(body);
      }),
    async follow(path, { headers = {}, limitMs, onEvent }) {
      const signal = AbortSignal.timeout(limitMs);
      const sent = http.request({ hostname, port, path, agent: false, headers, signal });
      sent.on('error', () => undefined);
      sent.end();
      const [answer] = (await once(sent, 'response')) as [http.IncomingMessage];
      const status = answer.statusCode ?? 0;
      if (status !== 200) {
        answer.resume();
        return status;
      }
      let rest = '';
      answer.setEncoding('utf8');
      try {
        for await (const part of answer) {
          const blocks = (rest + (part as string)).split('\n\n');
          rest = blocks.pop() ?? '';
          const heard = blocks.some((block) => {
            const data = /^data: (.*)$/m.exec(block)?.[1];
            return data !== undefined && onEvent(data);
          });
          // Leaving the loop closes the connection.
          if (heard) break;
        }
      } catch (error) {
        if (!signal.aborted) throw error;
      }
      return status;
    },
    close() {
      if (agent !== false) agent.destroy();
    },
  };
}

/** The wait before a retry, in milliseconds, from the answer's header; `usualMs` without one. */
export function retryAfterMs({ headers }: Answer, usualMs: number): number {
  const seconds = Number(headers['retry-after'] ?? Number.NaN);
  return Number.isFinite(seconds) ? Math.max(seconds * 1_000, 1) : usualMs;
}
