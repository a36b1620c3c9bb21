import type { OrderView } from '@antrean/db';
import type { OrderStatus } from '@antrean/queue';

/** The status record of an order, as pollers read it. */
export function toRecord(view: OrderView): { status: OrderStatus; version: number; fingerprint: string } {
  return {
    version: view.version,
    fingerprint: view.fingerprint,
    status: {
      orderId: view.orderId,
      storefrontId: view.storefrontId,
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
      updatedAt: view.updatedAt.toISOString(),
    },
  };
}
