import { PAYMENT_METHODS, type PaymentMethod } from './gateways.ts';

/**
 * The ways to pay on a gateway's page. The table of each gateway in packages/payments has the gateway's name of each,
 * or says that the gateway does not have it.
 */
export const ONLINE_METHODS = [
  'qris',
  'gopay',
  'shopeepay',
  'ovo',
  'dana',
  'linkaja',
  'astrapay',
  'bca_va',
  'bni_va',
  'bri_va',
  'mandiri_va',
  'permata_va',
  'cimb_va',
  'bsi_va',
  'alfamart',
  'indomaret',
  'card',
  'akulaku',
  'kredivo',
] as const;
export type OnlineMethod = (typeof ONLINE_METHODS)[number];

/**
 * The bounds of the time to pay. A gateway takes no link for less than 5 minutes, and making one may take minutes while
 * gateways fail. The status record and the idempotency of an order last 48 hours, so its time to pay ends well before.
 */
export const TIME_TO_PAY_MINUTES = { min: 10, usual: 30, max: 1_440 } as const;

/** What a storefront offers to its customers. */
export interface StorefrontSettings {
  /** How long a customer has to pay after the reservation. */
  timeToPayMinutes: number;
  paymentMethods: readonly PaymentMethod[];
  /** Null: all that the gateway's account has. */
  onlineMethods: readonly OnlineMethod[] | null;
  /** Origins to which gateways may send customers back, besides those of the storefront's publishable keys. */
  returnOrigins: readonly string[];
}

/** The settings of a storefront that has none of its own. */
export const USUAL_SETTINGS: StorefrontSettings = {
  timeToPayMinutes: TIME_TO_PAY_MINUTES.usual,
  paymentMethods: PAYMENT_METHODS,
  onlineMethods: null,
  returnOrigins: [],
};

/** The deadline of a payment. Orders of older API processes have no time to pay: they get the usual one. */
export function payBeforeOf(reservedAt: Date, timeToPayMinutes: number | undefined): Date {
  return new Date(reservedAt.getTime() + (timeToPayMinutes ?? TIME_TO_PAY_MINUTES.usual) * 60_000);
}

/** The methods to which an order with this method can change. */
export function otherMethods(
  offered: readonly PaymentMethod[] | null,
  method: PaymentMethod,
): PaymentMethod[] {
  return (offered ?? PAYMENT_METHODS).filter((each) => each !== method);
}
