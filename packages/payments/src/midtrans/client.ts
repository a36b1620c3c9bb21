// The SDK has no types, and programs that import this package must see the declaration too.
// oxlint-disable-next-line typescript/triple-slash-reference -- a file that declares a module for others is no module itself, so that no import, not even of types, takes it
/// <reference path="./midtrans-client.d.ts" />
import { AsyncLocalStorage } from 'node:async_hooks';
import http from 'node:http';
import https from 'node:https';
import midtrans from 'midtrans-client';
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

/** MidtransError, read structurally: the object itself holds the server key and is not passed on. */
const sdkError = z.object({ rawHttpClientData: z.object({ code: z.string() }) });
const statusBody = z.object({ status_code: z.union([z.string(), z.number()]).transform(String) });

export type MidtransOptions = {
  serverKey: string;
  isProduction: boolean;
  baseUrl?: string;
  now?: () => Date;
} & CallOptions;

export interface MidtransClient {
  readonly snap: InstanceType<typeof midtrans.Snap>;
  /** One call of the SDK, with the answer as Midtrans sent it. */
  readonly call: (c: Call, run: () => Promise<unknown>) => Promise<Called>;
  /** The SDK has no method for it. https://docs.midtrans.com/reference/cancel-a-snap-session */
  readonly cancelSession: (token: string, c: Call) => Promise<Called>;
}

/**
 * The SDK with time and size limits, and with the original answers: the SDK hides some and rejects on valid ones.
 */
export function createMidtransClient(o: MidtransOptions): MidtransClient {
  const snap = new midtrans.Snap({ isProduction: o.isProduction, serverKey: o.serverKey });
  const hide = redactorOf(o.serverKey);
  /** The signal and answer of the present call. */
  const currentCall = new AsyncLocalStorage<{ signal: AbortSignal; answer?: Answer }>();
  const { defaults, interceptors } = snap.httpClient.http_client;
  defaults.maxRedirects = 0;
  defaults.maxContentLength = MAX_ANSWER_BYTES;
  // Node's own agents keep connections, and use a proxy exactly when fetch does, which xendit-node calls. Without that, axios
  // would read HTTPS_PROXY by itself.
  defaults.httpAgent = http.globalAgent;
  defaults.httpsAgent = https.globalAgent;
  if (!usesProxy(https.globalAgent)) defaults.proxy = false;
  defaults.transformResponse = [
    (answer) => {
      const hidden = hide(typeof answer === 'string' ? answer : '');
      const json = parseJson(hidden);
      return json === undefined ? hidden : json;
    },
  ];
  interceptors.request.use((config) => {
    const call = currentCall.getStore();
    return call ? Object.assign(config, { signal: call.signal }) : config;
  });
  const keep = (from: { status: number; headers: { get(name: string): unknown }; data: unknown }): void => {
    const call = currentCall.getStore();
    if (!call) return;
    const get = (name: string): string | null => {
      const value = from.headers.get(name);
      return typeof value === 'string' ? value : null;
    };
    call.answer = { httpStatus: from.status, headers: { get }, body: from.data };
  };
  interceptors.response.use(
    (answer) => {
      keep(answer);
      return answer;
    },
    (error) => {
      if (error.response) keep(error.response);
      throw error;
    },
  );
  if (o.baseUrl !== undefined) {
    const base = o.baseUrl.replace(/\/+$/, '');
    snap.apiConfig.getCoreApiBaseUrl = () => base;
    snap.apiConfig.getSnapApiBaseUrl = () => `${base}/snap/v1`;
  }

  const caller = createCaller('midtrans', o);
  const call: MidtransClient['call'] = (c, run) =>
    caller(c, (signal) => {
      const kept: { signal: AbortSignal; answer?: Answer } = { signal };
      return currentCall.run(kept, async () => {
        try {
          await run();
        } catch (e) {
          const code = sdkError.safeParse(e).data?.rawHttpClientData.code;
          return kept.answer ?? { code: safeCode(code) ?? 'sdk_error' };
        }
        return kept.answer ?? { code: 'sdk_error' };
      });
    });
  return {
    snap,
    call,
    cancelSession(token, c) {
      const url = `${snap.apiConfig.getSnapApiBaseUrl()}/transactions/${encodeURIComponent(token)}/cancel`;
      return call(c, () => snap.httpClient.request('post', o.serverKey, url, null));
    },
  };
}

/** Whether Node was started with NODE_USE_ENV_PROXY=1. */
const usesProxy = ({ options }: https.Agent): boolean =>
  'proxyEnv' in options && options.proxyEnv !== undefined;

/** The result code: the HTTP status, or the code in the body under HTTP 200. */
export function codeOf({ httpStatus, body }: Answer): number {
  const inBody = Number(codeInBody(body) ?? Number.NaN);
  return httpStatus < 300 && Number.isInteger(inBody) ? inBody : httpStatus;
}

/** Midtrans's own code; undefined in the answer of a proxy in front of it. */
export const codeInBody = (body: unknown): string | undefined => statusBody.safeParse(body).data?.status_code;
