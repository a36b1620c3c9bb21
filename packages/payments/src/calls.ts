import type { OnlineGateway } from '@antrean/domain';
import type { GatewayApiCall, CallRateLimiter, Urgency } from './gateway.ts';
import { withoutPersonalData } from './redact.ts';

/** More than any gateway sends; a longer answer is no answer. */
export const MAX_ANSWER_BYTES = 1_000_000;
const MAX_PAUSE_MS = 300_000;

/** As the gateway sent it: `body` is JSON, or the text where it is none. The key has been replaced in it. */
export interface Answer {
  httpStatus: number;
  headers: { get(name: string): string | null };
  body: unknown;
}
/** No answer came, and `code` says why; `paced`: no call was made. */
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
  /** Rations calls; without it they are not rationed. */
  pace?: CallRateLimiter | undefined;
  /** Told of every call that was made. What it throws is not passed on, as the answer counts more. */
  audit?: ((e: GatewayApiCall) => Promise<void>) | undefined;
}

export type Caller = (c: Call, run: (signal: AbortSignal) => Promise<Called>) => Promise<Called>;

/** Gives every call its permit, its time limit and its record. `run` must not reject. */
export function createCaller(gateway: OnlineGateway, o: CallOptions): Caller {
  return async ({ operation, attemptId, urgency }, run) => {
    if (o.pace && !(await o.pace.acquire({ gateway, operation, urgency }))) return { code: 'rate_limited' };
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
      await o.pace?.slowDown({ gateway, operation }, pauseMs(called.headers)).catch(() => undefined);
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

/** Midtrans may say so in a body under HTTP 200. */
function isTooMany({ httpStatus, body }: Answer): boolean {
  if (httpStatus === 429) return true;
  const said = typeof body === 'object' && body !== null && 'status_code' in body ? body.status_code : null;
  return said === '429' || said === 429;
}

/**
 * Seconds from now, or a moment in seconds since 1970, as Xendit's documentation does not tell which.
 * https://docs.xendit.co/apidocs/rate-limits
 */
function pauseMs(headers: Answer['headers']): number | undefined {
  const text = headers.get('rate-limit-reset') ?? headers.get('retry-after');
  if (text === null || !/^\d{1,10}(\.\d+)?$/.test(text)) return undefined;
  const seconds = Number(text) > 1_000_000_000 ? Number(text) - Date.now() / 1000 : Number(text);
  return Math.min(Math.max(0, Math.ceil(seconds * 1000)), MAX_PAUSE_MS);
}

/** A code that is safe to hand on: of a gateway's or an error's text only what looks like a constant. */
export const safeCode = (code: unknown): string | undefined =>
  typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,59}$/.test(code) ? code : undefined;

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
