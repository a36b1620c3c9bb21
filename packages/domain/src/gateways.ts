/** How a customer pays: on a gateway's page, or by transfer to the shop's bank account. */
export const PAYMENT_METHODS = ['online', 'bank_transfer'] as const;
export type PaymentMethod = (typeof PAYMENT_METHODS)[number];

/**
 * Every gateway, in the order of fallback, with its payment method and the ledger account that holds its money until
 * settlement. The table of packages/payments defines the calls of each `online` gateway; operators confirm payments
 * of the others.
 */
const GATEWAYS = {
  midtrans: { method: 'online', account: 'midtrans' },
  xendit: { method: 'online', account: 'xendit' },
  bank_transfer: { method: 'bank_transfer', account: 'bank' },
} as const satisfies Readonly<Record<string, { method: PaymentMethod; account: string }>>;

type Gateways = typeof GATEWAYS;
export type GatewayName = keyof Gateways;
export type GatewayAccount = Gateways[GatewayName]['account'];
/** A gateway with an API that workers call. */
export type OnlineGateway = {
  [N in GatewayName]: Gateways[N]['method'] extends 'online' ? N : never;
}[GatewayName];

export const GATEWAY_NAMES = Object.keys(GATEWAYS) as readonly GatewayName[];
export const ONLINE_GATEWAYS = GATEWAY_NAMES.filter(isOnline);
/** The gateways of bank transfers. */
export const TRANSFER_GATEWAYS = GATEWAY_NAMES.filter((name) => methodOf(name) === 'bank_transfer');
export const GATEWAY_ACCOUNTS = GATEWAY_NAMES.map(accountOf);

function isOnline(name: GatewayName): name is OnlineGateway {
  return methodOf(name) === 'online';
}

export function methodOf(name: GatewayName): PaymentMethod {
  return GATEWAYS[name].method;
}

export function accountOf(name: GatewayName): GatewayAccount {
  return GATEWAYS[name].account;
}

/** The gateway whose money is in this account. */
export function gatewayOfAccount(account: GatewayAccount): GatewayName {
  const name = GATEWAY_NAMES.find((each) => accountOf(each) === account);
  if (name === undefined) throw new Error(`No gateway has the ledger account ${account}.`);
  return name;
}
