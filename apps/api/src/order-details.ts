import type { StoredDetails } from '@antrean/db';
import { type GatewayName, gatewayOfAccount } from '@antrean/domain';
import type { AcceptedOrder } from '@antrean/queue';

/** What only a storefront's server reads of an order. It is in no status record and in no event. Money in rupiah. */
export interface OrderDetails {
  customer: { id?: string; name: string; email: string; phone: string };
  shippingAddress?: Record<string, string>;
  note?: string;
  returnUrl?: string;
  shippingFee: number;
  receipts: { gateway: GatewayName; amount: number; receivedAt: string }[];
  refunds: {
    refundId: string;
    amount: number;
    state: StoredDetails['refunds'][number]['state'];
    reason: string;
    requestedAt: string;
  }[];
  exceptions: {
    kind: string;
    state: StoredDetails['exceptions'][number]['state'];
    amount?: number;
    openedAt: string;
  }[];
}

export function detailsOfQueued(order: AcceptedOrder): OrderDetails {
  const { customer, note, returnUrl, shippingFeeRupiah } = order;
  return detailsOfStored({
    orderId: order.orderId,
    customer: definedFields(customer),
    shippingAddress: order.shippingAddress === undefined ? null : definedFields(order.shippingAddress),
    ...{ note: note ?? null, returnUrl: returnUrl ?? null, shippingFeeRupiah },
    ...{ receipts: [], refunds: [], exceptions: [] },
  });
}

export function detailsOfStored(stored: StoredDetails): OrderDetails {
  const { customer, shippingAddress, note, returnUrl, shippingFeeRupiah } = stored;
  return {
    customer,
    ...(shippingAddress === null ? {} : { shippingAddress }),
    ...(note === null ? {} : { note }),
    ...(returnUrl === null ? {} : { returnUrl }),
    shippingFee: shippingFeeRupiah,
    receipts: stored.receipts.map(({ account, amountRupiah, at }) => ({
      gateway: gatewayOfAccount(account),
      amount: amountRupiah,
      receivedAt: isoTime(at),
    })),
    refunds: stored.refunds.map(({ id, amountRupiah, state, reason, at }) => ({
      ...{ refundId: id, amount: amountRupiah, state, reason, requestedAt: isoTime(at) },
    })),
    exceptions: stored.exceptions.map(({ kind, state, amountRupiah, at }) => ({
      ...{ kind, state, openedAt: isoTime(at) },
      ...(amountRupiah === null ? {} : { amount: amountRupiah }),
    })),
  };
}

const isoTime = (text: string): string => new Date(text).toISOString();

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Without the fields that are undefined. */
function definedFields<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}
