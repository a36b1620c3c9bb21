declare module 'midtrans-client' {
  interface Transaction {
    status(id: string): Promise<unknown>;
    cancel(id: string): Promise<unknown>;
  }
  class Snap {
    constructor(o: { isProduction: boolean; serverKey: string; clientKey?: string });
    apiConfig: { getCoreApiBaseUrl(): string; getSnapApiBaseUrl(): string };
    httpClient: {
      /** Rejects as every call of the SDK does; sends the key as basic auth. */
      request(method: 'post', serverKey: string, url: string, body: null): Promise<unknown>;
      http_client: {
        defaults: {
          timeout?: number;
          proxy?: unknown;
          maxRedirects?: number;
          maxContentLength?: number;
          httpAgent?: unknown;
          httpsAgent?: unknown;
        };
      };
    };
    transaction: Transaction;
    createTransaction(p: Record<string, unknown>): Promise<unknown>;
  }
  const client: { Snap: typeof Snap };
  export default client;
}
