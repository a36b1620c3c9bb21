import type { OnlineGateway } from '@antrean/domain';
import type { GatewayApiCall, CallRateLimiter, Urgency } from './gateway.ts';
import { withoutPersonalData } from './redact.ts';

/** More than any gateway sends. A longer answer counts as none. */
export const MAX_ANSWER_BYTES = 1_000_000;
const MAX_PAUSE_MS = 300_000;

/** The gateway's answer: `body` is JSON, or the text if it is not JSON. The key is redacted. */
export interface Answer {
  httpStatus: number;
  headers: { get(name: string): string | null };
  body: unknown;
}
/** No answer was received, and `code` says why; `rate_limited`: no call was made. */
interface NoAnswer {
  code: string;
}
export type Called = Answer | NoAnswer;

export const isAnswer = (called: Called): called is Answer => 'httpStatus' in called;

export interface Call {
  operation: string;
  attemptId: string | null;
  urgency: Urgency;
}

export interface CallOptions {
  timeoutMs: number;
  /** Limits the rate of calls; without it they are not limited. */
  rateLimiter?: CallRateLimiter | undefined;
  /** Called after each call that was made. Its errors are ignored, as the gateway's answer matters more. */
  audit?: ((e: GatewayApiCall) => Promise<void>) | undefined;
}

export type Caller = (c: Call, run: (signal: AbortSignal) => Promise<Called>) => Promise<Called>;

/** Gives each call a permit, a timeout and a log entry. `run` must not reject. */
export function createCaller(gateway: OnlineGateway, o: CallOptions): Caller {
  return async ({ operation, attemptId, urgency }, run) => {
    if (o.rateLimiter && !(await o.rateLimiter.acquire({ gateway, operation, urgency })))
      return { code: 'rate_limited' };
    const started = performance.now();
    const abort = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<NoAnswer>((resolve) => {
      timer = setTimeout(() => {
        resolve({ code: 'timeout' });
        abort.abort();
      }, o.timeoutMs);
    });
    const called = await Promise.race([run(abort.signal), late]);
    clearTimeout(timer);
    const tookMs = Math.round(performance.now() - started);
    if (isAnswer(called) && isTooMany(called))
      await o.rateLimiter?.slowDown({ gateway, operation }, pauseMs(called.headers)).catch(() => undefined);
    await o
      .audit?.({
        gateway,
        operation,
        attemptId,
        httpStatus: isAnswer(called) ? called.httpStatus : null,
        code: isAnswer(called) ? null : called.code,
        body: isAnswer(called) ? withoutPersonalData(called.body) : null,
        tookMs,
      })
      .catch(() => undefined);
    return called;
  };
}

/** Midtrans may answer 429 in a body under HTTP 200. */
function isTooMany({ httpStatus, body }: Answer): boolean {
  if (httpStatus === 429) return true;
  const said = typeof body === 'object' && body !== null && 'status_code' in body ? body.status_code : null;
  return said === '429' || said === 429;
}

/**
 * Seconds from now, seconds since 1970 (Xendit's documentation does not say which), or an HTTP date.
 * https://docs.xendit.co/apidocs/rate-limits https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
 */
function pauseMs(headers: Answer['headers']): number | undefined {
  const waits = ['rate-limit-reset', 'retry-after'].map((name) => waitMs(headers.get(name)?.trim() ?? ''));
  const wait = waits.find((ms) => ms !== undefined);
  return wait === undefined ? undefined : Math.min(Math.max(0, Math.ceil(wait)), MAX_PAUSE_MS);
}

function waitMs(text: string): number | undefined {
  if (/^\d{1,10}(\.\d+)?$/.test(text))
    return Number(text) * 1000 - (Number(text) > 1_000_000_000 ? Date.now() : 0);
  // An HTTP date begins with a day of the week. Other texts, which Date would guess at, are none.
  const at = /^(mon|tue|wed|thu|fri|sat|sun)[a-z]*,? /i.test(text) ? Date.parse(dated(text)) : Number.NaN;
  return Number.isNaN(at) ? undefined : at - Date.now();
}

/** The third form of HTTP dates, `Sun Nov  6 08:49:37 1994`, names no zone; all three mean UTC. */
const dated = (text: string): string => (/ gmt$/i.test(text) ? text : `${text} GMT`);

/** A code that is safe to log: text of a gateway or an error is kept only if it looks like a constant. */
export const safeCode = (code: unknown): string | undefined =>
  typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,59}$/.test(code) ? code : undefined;

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
