import { Configuration, Invoice as InvoiceApi, Refund as RefundApi } from 'xendit-node';
import { z } from 'zod';
import {
  type Answer,
  type Call,
  type Called,
  type CallOptions,
  createCaller,
  MAX_ANSWER_BYTES,
  parseJson,
  safeCode,
} from '../calls.ts';
import { redactorOf } from '../redact.ts';

type FetchLike = (u: string, i?: RequestInit) => Promise<Response>;

/**
 * Reads the body once and with a size limit, so that HTML errors do not break the SDK and its dropped fields are
 * kept.
 */
const keepingFetch =
  (signal: AbortSignal, hide: (text: string) => string, keep: (a: Answer) => void): FetchLike =>
  async (u, i) => {
    // A redirect counts as an answer. Following it would send the key to another server.
    const r = await fetch(u, { ...i, redirect: 'manual', signal });
    const text = hide(await boundedText(r));
    const body = parseJson(text);
    keep({ httpStatus: r.status, headers: r.headers, body: body === undefined ? text : body });
    return new Response(r.status === 204 || r.status === 304 ? null : JSON.stringify(body ?? {}), {
      status: r.status,
      headers: { 'content-type': 'application/json' },
    });
  };

async function boundedText(r: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of r.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_ANSWER_BYTES)
      throw Object.assign(new Error('The answer of Xendit is too long.'), { code: 'ANSWER_TOO_LONG' });
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

const thrown = z.object({
  name: z.string().optional(),
  code: z.unknown().optional(),
  cause: z.object({ code: z.unknown().optional() }).nullish().catch(null),
});

function thrownCode(e: unknown): string {
  const parsed = thrown.safeParse(e).data;
  if (parsed?.name === 'TimeoutError' || parsed?.name === 'AbortError') return 'timeout';
  return safeCode(parsed?.cause?.code) ?? safeCode(parsed?.code) ?? 'sdk_error';
}

export type XenditOptions = {
  secretKey: string;
  baseUrl?: string;
  /** The pause before a page of the list of payments is asked for again; 2 s by default. */
  listAgainAfterMs?: number;
} & CallOptions;

/**
 * One call of the SDK, with the original answer. The SDK's own result is ignored, as it rejects valid answers that it
 * cannot decode.
 */
export type CallXendit = (
  c: Call,
  run: (api: { invoices: InvoiceApi; refunds: RefundApi }) => Promise<unknown>,
) => Promise<Called>;

export function createXenditClient(o: XenditOptions): CallXendit {
  const base = (o.baseUrl ?? 'https://api.xendit.co').replace(/\/+$/, '');
  const hide = redactorOf(o.secretKey);
  const caller = createCaller('xendit', o);
  return (c, run) =>
    caller(c, async (signal) => {
      const seen: Answer[] = [];
      // The SDK has no option for its transport. Clients for each call keep the answers separate.
      const configuration = new Configuration({
        basePath: base,
        fetchApi: keepingFetch(signal, hide, (a) => seen.push(a)),
      });
      const invoices = new InvoiceApi({ secretKey: o.secretKey, xenditURL: base });
      const refunds = new RefundApi({ secretKey: o.secretKey, xenditURL: base });
      Reflect.set(invoices, 'configuration', configuration);
      Reflect.set(refunds, 'configuration', configuration);
      try {
        await run({ invoices, refunds });
      } catch (e) {
        return seen[0] ?? { code: thrownCode(e) };
      }
      return seen[0] ?? { code: 'sdk_error' };
    });
}

export const errorBody = z.object({ error_code: z.string(), message: z.string().nullish() });

/** The code of an HTTP error. A 404 of Xendit itself is about one invoice or refund, one of a proxy is not. */
export function failureCode({ httpStatus, body }: Answer): string {
  return httpStatus === 404 && errorBody.safeParse(body).success ? 'not_found' : `http_${httpStatus}`;
}

/** The page size of lists, and the most pages that are read. */
export const PAGE = 100;
export const MAX_PAGES = 100;
