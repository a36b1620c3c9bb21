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
 * Seconds from now or since 1970: Xendit's documentation does not say which.
 * https://docs.xendit.co/apidocs/rate-limits
 */
function pauseMs(headers: Answer['headers']): number | undefined {
  const text = headers.get('rate-limit-reset') ?? headers.get('retry-after');
  if (text === null || !/^\d{1,10}(\.\d+)?$/.test(text)) return undefined;
  const seconds = Number(text) > 1_000_000_000 ? Number(text) - Date.now() / 1000 : Number(text);
  return Math.min(Math.max(0, Math.ceil(seconds * 1000)), MAX_PAUSE_MS);
}

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
