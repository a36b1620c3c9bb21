import type { RejectionReason } from './order-lifecycle.ts';

/** A product as the batch has locked it. Quantities in units, price in integer rupiah. */
export interface LockedProduct {
  readonly productId: number;
  readonly sku: string;
  readonly name: string;
  readonly unitPriceRupiah: number;
  readonly available: number;
}

export interface OrderToAllot {
  readonly orderId: string;
  readonly items: readonly { readonly sku: string; readonly quantity: number }[];
  readonly shippingFeeRupiah: number;
  /** What the storefront showed the buyer, in rupiah; a different total rejects the order. */
  readonly expectedTotalRupiah?: number | undefined;
}

export interface AllottedLine {
  readonly productId: number;
  readonly sku: string;
  readonly name: string;
  readonly quantity: number;
  readonly unitPriceRupiah: number;
}

/** A line of a rejected order: of a product that nobody knows there is only what was asked for. */
export type RejectedLine =
  | AllottedLine
  | {
      readonly productId: null;
      readonly sku: string;
      readonly name: null;
      readonly quantity: number;
      readonly unitPriceRupiah: null;
    };

export type Allotment =
  | {
      readonly kind: 'reserved';
      readonly orderId: string;
      readonly totalRupiah: number;
      readonly lines: readonly AllottedLine[];
    }
  | {
      readonly kind: 'rejected';
      readonly orderId: string;
      readonly reason: RejectionReason;
      readonly totalRupiah: number | null;
      readonly lines: readonly RejectedLine[];
    };

/**
 * Allots locked stock to orders in the order given: all lines of an order or none, quantities of one
 * product summed within an order. Pure and deterministic; the counters it implies never go below zero.
 */
export function allot(orders: readonly OrderToAllot[], products: readonly LockedProduct[]): Allotment[] {
  const bySku = new Map(products.map((product) => [product.sku, product]));
  const left = new Map(products.map((product) => [product.productId, product.available]));
  return orders.map((order): Allotment => {
    const { orderId } = order;
    const lines = order.items.map(({ sku, quantity }): RejectedLine => {
      const product = bySku.get(sku);
      if (product === undefined) return { productId: null, sku, name: null, quantity, unitPriceRupiah: null };
      const { productId, name, unitPriceRupiah } = product;
      return { productId, sku, name, quantity, unitPriceRupiah };
    });
    const known = lines.filter((line) => line.productId !== null);
    if (known.length < lines.length) {
      return { kind: 'rejected', orderId, reason: 'unknown_product', totalRupiah: null, lines };
    }
    const wanted = new Map<number, number>();
    let totalRupiah = order.shippingFeeRupiah;
    for (const { productId, quantity, unitPriceRupiah } of known) {
      wanted.set(productId, (wanted.get(productId) ?? 0) + quantity);
      totalRupiah += unitPriceRupiah * quantity;
    }
    if (order.expectedTotalRupiah !== undefined && order.expectedTotalRupiah !== totalRupiah) {
      return { kind: 'rejected', orderId, reason: 'price_changed', totalRupiah, lines };
    }
    for (const [productId, quantity] of wanted) {
      if ((left.get(productId) ?? 0) < quantity) {
        return { kind: 'rejected', orderId, reason: 'out_of_stock', totalRupiah, lines };
      }
    }
    for (const [productId, quantity] of wanted) left.set(productId, (left.get(productId) ?? 0) - quantity);
    return { kind: 'reserved', orderId, totalRupiah, lines: known };
  });
}
