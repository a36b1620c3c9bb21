declare module 'midtrans-client' {
  interface Transaction {
    /** The id is put into the path unencoded. */
    status(id: string): Promise<unknown>;
    cancel(id: string): Promise<unknown>;
    refund(id: string, p: { refund_key: string; amount: number; reason: string }): Promise<unknown>;
  }
  /** As axios returns it; `headers` is a case-insensitive map. */
  interface HttpAnswer {
    status: number;
    headers: { get(name: string): unknown };
    data: unknown;
  }
  class Snap {
    constructor(o: { isProduction: boolean; serverKey: string; clientKey?: string });
    apiConfig: { getCoreApiBaseUrl(): string; getSnapApiBaseUrl(): string };
    httpClient: {
      /** Rejects like every call of the SDK; sends the key as basic auth. */
      request(method: 'post', serverKey: string, url: string, body: null): Promise<unknown>;
      http_client: {
        defaults: {
          httpAgent?: unknown;
          httpsAgent?: unknown;
          proxy?: unknown;
          maxRedirects?: number;
          maxContentLength?: number;
          transformResponse?: ((text: unknown) => unknown)[];
        };
        interceptors: {
          request: { use(before: (config: { signal?: AbortSignal }) => { signal?: AbortSignal }): number };
          response: {
            use(
              answered: (answer: HttpAnswer) => HttpAnswer,
              failed: (error: { response?: HttpAnswer }) => never,
            ): number;
          };
        };
      };
    };
    transaction: Transaction;
    createTransaction(p: Record<string, unknown>): Promise<unknown>;
  }
  const client: { Snap: typeof Snap };
  export default client;
}
