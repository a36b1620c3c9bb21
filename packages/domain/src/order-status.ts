import type { OrderState } from './order-lifecycle.ts';

/** What a customer or storefront reads of an order. Money in integer rupiah, times ISO 8601 UTC. */
export interface OrderStatus {
  orderId: string;
  status: OrderState;
  reason?: string;
  /** In rupiah, shipping included; absent until the worker has seen the prices. */
  total?: number;
  items: { sku: string; quantity: number; name?: string; unitPrice?: number }[];
  /** The instrument that is out, or the one that was paid. A bank transfer has no address. */
  payment?: { gateway: string; url?: string; expiresAt: string };
  shipment?: { carrier: string; trackingNumber: string; shippedAt: string };
  updatedAt: string;
}

/** An order with its lines and payment, as PostgreSQL holds it. */
export interface OrderView {
  readonly orderId: string;
  readonly state: OrderState;
  readonly reason: string | null;
  readonly totalRupiah: number | null;
  readonly updatedAt: Date;
  readonly items: readonly {
    readonly sku: string;
    readonly name: string | null;
    readonly quantity: number;
    readonly unitPriceRupiah: number | null;
  }[];
  readonly payment: {
    readonly gateway: string;
    readonly url: string | null;
    readonly expiresAt: string;
  } | null;
  readonly shipment: {
    readonly carrier: string;
    readonly trackingNumber: string;
    readonly shippedAt: string;
  } | null;
}

/** The one form in which an order is shown, whether it is read from Redis or from PostgreSQL. */
export function orderStatusOf(view: OrderView): OrderStatus {
  return {
    orderId: view.orderId,
    status: view.state,
    ...(view.reason === null ? {} : { reason: view.reason }),
    ...(view.totalRupiah === null ? {} : { total: view.totalRupiah }),
    items: view.items.map((item) => ({
      sku: item.sku,
      quantity: item.quantity,
      ...(item.name === null ? {} : { name: item.name }),
      ...(item.unitPriceRupiah === null ? {} : { unitPrice: item.unitPriceRupiah }),
    })),
    ...(view.payment === null
      ? {}
      : {
          payment: {
            gateway: view.payment.gateway,
            ...(view.payment.url === null ? {} : { url: view.payment.url }),
            expiresAt: new Date(view.payment.expiresAt).toISOString(),
          },
        }),
    ...(view.shipment === null
      ? {}
      : { shipment: { ...view.shipment, shippedAt: new Date(view.shipment.shippedAt).toISOString() } }),
    updatedAt: view.updatedAt.toISOString(),
  };
}
