// The simulated gateways, as customers, banks and the gateways' own troubles move them: the simulator's README has all of it.

/** What the simulator and the apps have in common. */
export const GATEWAY_SECRETS = {
  MIDTRANS_SERVER_KEY: 'SB-Mid-server-test',
  XENDIT_SECRET_KEY: 'xnd_development_test',
  XENDIT_CALLBACK_TOKEN: 'callback-token',
} as const;

interface LedgerRow {
  orderId: string;
  returned: { amountRupiah: number }[];
}

/** The gateways call an order by its attempt: `attemptId` is what they call `orderId`. */
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
    /** Tells the simulator something by its control API. */
    control,
    /** What its control API shows. */
    show,
    pay: (attemptId: string, how: object = {}) => control('pay', { orderId: attemptId, ...how }),
    /** A customer asks Midtrans for a code to pay with later. */
    choose: (attemptId: string) => control('choose', { orderId: attemptId }),
    fail: (gateway: 'midtrans' | 'xendit', mode: 'http_500' | 'none') => control('faults', { gateway, mode }),
    /** The HTTP status of the page on which an order is paid: 410 once it can be paid no more. */
    pageStatus: async (pageUrl: string) => (await fetch(url + new URL(pageUrl).pathname)).status,
    /** What was paid back of this attempt, by the simulator's own account. */
    async returnedRupiah(attemptId: string): Promise<number[]> {
      const rows = (await show<LedgerRow[]>('ledger')).filter(({ orderId }) => orderId === attemptId);
      return rows.flatMap(({ returned }) => returned.map(({ amountRupiah }) => amountRupiah));
    },
  };
}
export type GatewayControl = ReturnType<typeof createGatewayControl>;
