// The simulated gateways, moved as by customers, banks and faults. The simulator's README describes its control API.

/** Secrets that the simulator and the apps share. */
export const GATEWAY_SECRETS = {
  MIDTRANS_SERVER_KEY: 'SB-Mid-server-test',
  XENDIT_SECRET_KEY: 'xnd_development_test',
  XENDIT_CALLBACK_TOKEN: 'callback-token',
} as const;

interface LedgerRow {
  orderId: string;
  returned: { amountRupiah: number }[];
}

/** Gateways know a payment attempt by its id: `attemptId` here is their `orderId`. */
export function createGatewayControl(url: string) {
  const control = (order: string, body: object): Promise<Response> =>
    fetch(`${url}/__sim/${order}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const show = async <T>(what: string): Promise<T> =>
    (await (await fetch(`${url}/__sim/${what}`)).json()) as T;
  return {
    url,
    /** Calls the simulator's control API. */
    control,
    /** Reads from the simulator's control API. */
    show,
    pay: (attemptId: string, how: object = {}) => control('pay', { orderId: attemptId, ...how }),
    /** A customer gets a payment code from Midtrans, to pay later. */
    choose: (attemptId: string) => control('choose', { orderId: attemptId }),
    fail: (gateway: 'midtrans' | 'xendit', mode: 'http_500' | 'none') => control('faults', { gateway, mode }),
    /** The HTTP status of an order's payment page: 410 once it cannot be paid any more. */
    pageStatus: async (pageUrl: string) => (await fetch(url + new URL(pageUrl).pathname)).status,
    /** The refunds of this attempt, by the simulator's own records. */
    async returnedRupiah(attemptId: string): Promise<number[]> {
      const rows = (await show<LedgerRow[]>('ledger')).filter(({ orderId }) => orderId === attemptId);
      return rows.flatMap(({ returned }) => returned.map(({ amountRupiah }) => amountRupiah));
    },
  };
}
export type GatewayControl = ReturnType<typeof createGatewayControl>;
