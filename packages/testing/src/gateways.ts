// The simulated gateways, moved as by customers, banks and faults. The simulator's README describes its control API.
import type { OnlineGateway } from '@antrean/domain';

/** The names of a gateway's environment variables. */
interface GatewayVariables {
  /** Of each secret, with the beginning that the gateway gives to such secrets. */
  readonly secrets: Readonly<Record<string, string>>;
  /** The address at which the worker calls it. */
  readonly baseUrl: string;
  /** The address to which the simulator sends its webhooks. */
  readonly webhookUrl: string;
}

/** What a shop sets that uses the simulator: the launcher and `startShop` derive their environment from this table. */
const VARIABLES = {
  midtrans: {
    secrets: { MIDTRANS_SERVER_KEY: 'SB-Mid-server-' },
    baseUrl: 'MIDTRANS_BASE_URL',
    webhookUrl: 'MIDTRANS_WEBHOOK_URL',
  },
  xendit: {
    secrets: { XENDIT_SECRET_KEY: 'xnd_development_', XENDIT_CALLBACK_TOKEN: '' },
    baseUrl: 'XENDIT_BASE_URL',
    webhookUrl: 'XENDIT_WEBHOOK_URL',
  },
} as const satisfies Readonly<Record<OnlineGateway, GatewayVariables>>;

type Variables = typeof VARIABLES;
type SecretName = { [G in keyof Variables]: keyof Variables[G]['secrets'] }[keyof Variables];
type SecretsByName = Readonly<Record<SecretName, string>>;

const GATEWAYS = Object.entries<GatewayVariables>(VARIABLES);

/** The secrets of all gateways, each made from its name and its beginning. */
export function gatewaySecrets(make: (name: string, beginning: string) => string): SecretsByName {
  const secrets = GATEWAYS.flatMap(([, variables]) => Object.entries(variables.secrets));
  return Object.fromEntries(
    secrets.map(([name, beginning]) => [name, make(name, beginning)]),
  ) as SecretsByName;
}

/** Has workers call the simulator at this address. */
export const gatewayBaseUrls = (simulatorUrl: string): Readonly<Record<string, string>> =>
  Object.fromEntries(GATEWAYS.map(([, { baseUrl }]) => [baseUrl, simulatorUrl]));

/** Has the simulator send webhooks to the routes below this address, as the API's `/v1/webhooks`. */
export const gatewayWebhookUrls = (webhooksUrl: string): Readonly<Record<string, string>> =>
  Object.fromEntries(GATEWAYS.map(([gateway, { webhookUrl }]) => [webhookUrl, `${webhooksUrl}/${gateway}`]));

/** Secrets that the simulator and the apps share. */
export const GATEWAY_SECRETS = gatewaySecrets((name, beginning) => `${beginning}${name.toLowerCase()}`);

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
