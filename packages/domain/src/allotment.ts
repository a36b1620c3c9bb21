import type { RejectionReason } from './order-lifecycle.ts';

/** A product, locked by the batch's transaction. Quantities in units, price in integer rupiah. */
export interface LockedProduct {
  readonly productId: number;
  readonly sku: string;
  readonly name: string;
  readonly unitPriceRupiah: number;
  readonly available: number;
}

/** A flash sale item, locked by the batch's transaction. A product has at most one sale at any moment. */
export interface LockedSaleItem {
  readonly flashSaleItemId: number;
  readonly productId: number;
  /** Epoch milliseconds; the start is included, the end is not. */
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly salePriceRupiah: number;
  readonly quotaLeft: number;
  /** The maximum of units a buyer may hold or have bought; null for no limit. */
  readonly limitPerBuyer: number | null;
  /** Units that each buyer key holds or has bought. */
  readonly heldByBuyer: ReadonlyMap<string, number>;
}

export interface OrderToAllot {
  readonly orderId: string;
  /** The time that decides sale windows and prices, not the time of allotment. */
  readonly acceptedAtMs: number;
  /** The distinct keys of `buyerKeysOf`. Limits apply to each of them. */
  readonly buyerKeys: readonly string[];
  readonly items: readonly { readonly sku: string; readonly quantity: number }[];
  readonly shippingFeeRupiah: number;
  /** The total that the storefront showed to the buyer, in rupiah. A different total rejects the order. */
  readonly expectedTotalRupiah?: number | undefined;
}

export interface AllottedLine {
  readonly productId: number;
  readonly sku: string;
  readonly name: string;
  readonly quantity: number;
  readonly unitPriceRupiah: number;
  /** The sale that sets this price; null for the regular price. */
  readonly flashSaleItemId: number | null;
}

/** A line of a rejected order. A line of an unknown product has only SKU and quantity. */
export type RejectedLine =
  | AllottedLine
  | {
      readonly productId: null;
      readonly sku: string;
      readonly name: null;
      readonly quantity: number;
      readonly unitPriceRupiah: null;
      readonly flashSaleItemId: null;
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
      /** At the prices that the order would have had; null when a product is unknown. */
      readonly totalRupiah: number | null;
      readonly lines: readonly RejectedLine[];
    };

/**
 * Allots locked stock and sale quotas to orders in the given order. All lines of an order are served or none;
 * quantities of one product are summed within an order and sold at one price. A rejected order takes nothing. Pure
 * and deterministic; counters never go below zero, and no buyer above a limit. The sold-out gate (status-records.ts
 * of packages/redis) repeats its rules for price, stock and quota, and a test compares both.
 */
export function allot(
  orders: readonly OrderToAllot[],
  products: readonly LockedProduct[],
  saleItems: readonly LockedSaleItem[],
): Allotment[] {
  const shelves = shelvesOf(products, saleItems);
  return orders.map((order): Allotment => {
    const { orderId } = order;
    const wants = wantsOf(order, shelves);
    const lines = order.items.map(({ sku, quantity }) => lineOf(sku, quantity, wants.get(sku)));
    const known = lines.filter((line) => line.productId !== null);
    if (known.length < lines.length) {
      return { kind: 'rejected', orderId, reason: 'unknown_product', totalRupiah: null, lines };
    }
    const wanted = [...wants.values()];
    const totalRupiah = totalOf(order, wanted, ({ sale }) => sale);
    const reason = rejectionReasonOf(order, wanted, totalRupiah);
    if (reason !== undefined) return { kind: 'rejected', orderId, reason, totalRupiah, lines };
    take(order, wanted);
    return { kind: 'reserved', orderId, totalRupiah, lines: known };
  });
}

/** A product and its sales during allotment, minus what earlier orders of the batch took. */
interface Shelf {
  readonly product: LockedProduct;
  readonly sales: Sale[];
  stockLeft: number;
}

interface Sale {
  readonly item: LockedSaleItem;
  readonly heldByBuyer: Map<string, number>;
  quotaLeft: number;
}

/** The quantity of one product that an order asks for. */
interface Want {
  readonly shelf: Shelf;
  readonly quantity: number;
  /** The sale in whose window the order was accepted. */
  readonly openSale: Sale | undefined;
  /** `openSale` if its quota covers the whole quantity; else the regular price applies. */
  readonly sale: Sale | undefined;
}

function shelvesOf(
  products: readonly LockedProduct[],
  saleItems: readonly LockedSaleItem[],
): ReadonlyMap<string, Shelf> {
  const sales = Map.groupBy(
    saleItems.map(
      (item): Sale => ({ item, heldByBuyer: new Map(item.heldByBuyer), quotaLeft: item.quotaLeft }),
    ),
    ({ item }) => item.productId,
  );
  return new Map(
    products.map((product) => [
      product.sku,
      { product, sales: sales.get(product.productId) ?? [], stockLeft: product.available },
    ]),
  );
}

/** By SKU, without unknown products. */
function wantsOf(order: OrderToAllot, shelves: ReadonlyMap<string, Shelf>): ReadonlyMap<string, Want> {
  const wants = new Map<string, Want>();
  for (const { sku, quantity: more } of order.items) {
    const shelf = shelves.get(sku);
    if (shelf === undefined) continue;
    const quantity = (wants.get(sku)?.quantity ?? 0) + more;
    const openSale = shelf.sales.find(
      ({ item }) => item.startsAtMs <= order.acceptedAtMs && order.acceptedAtMs < item.endsAtMs,
    );
    const sale = openSale !== undefined && openSale.quotaLeft >= quantity ? openSale : undefined;
    wants.set(sku, { shelf, quantity, openSale, sale });
  }
  return wants;
}

function lineOf(sku: string, quantity: number, want: Want | undefined): RejectedLine {
  if (want === undefined) {
    return { productId: null, sku, name: null, quantity, unitPriceRupiah: null, flashSaleItemId: null };
  }
  const { productId, name } = want.shelf.product;
  const flashSaleItemId = want.sale?.item.flashSaleItemId ?? null;
  return { productId, sku, name, quantity, unitPriceRupiah: priceOf(want, want.sale), flashSaleItemId };
}

function priceOf({ shelf }: Want, sale: Sale | undefined): number {
  return sale === undefined ? shelf.product.unitPriceRupiah : sale.item.salePriceRupiah;
}

function totalOf(
  order: OrderToAllot,
  wanted: readonly Want[],
  saleOf: (want: Want) => Sale | undefined,
): number {
  return wanted.reduce(
    (total, want) => total + priceOf(want, saleOf(want)) * want.quantity,
    order.shippingFeeRupiah,
  );
}

/** The first rule that the order breaks; undefined when it is served. */
function rejectionReasonOf(
  order: OrderToAllot,
  wanted: readonly Want[],
  totalRupiah: number,
): RejectionReason | undefined {
  const { expectedTotalRupiah, buyerKeys } = order;
  const isQuotaSold = wanted.some(({ openSale, sale }) => openSale !== sale);
  if (expectedTotalRupiah === undefined) {
    // The buyer may have seen the sale price, so the order is not sold at the regular one.
    if (isQuotaSold) return 'sale_closed';
  } else if (expectedTotalRupiah !== totalRupiah) {
    const wasShownSalePrices = expectedTotalRupiah === totalOf(order, wanted, ({ openSale }) => openSale);
    return isQuotaSold && wasShownSalePrices ? 'sale_closed' : 'price_changed';
  }
  if (wanted.some((want) => isAboveLimit(want, buyerKeys))) return 'limit_exceeded';
  if (wanted.some(({ shelf, quantity }) => shelf.stockLeft < quantity)) return 'out_of_stock';
  return undefined;
}

function isAboveLimit({ sale, quantity }: Want, buyerKeys: readonly string[]): boolean {
  if (sale === undefined) return false;
  const { limitPerBuyer } = sale.item;
  if (limitPerBuyer === null) return false;
  return buyerKeys.some((key) => (sale.heldByBuyer.get(key) ?? 0) + quantity > limitPerBuyer);
}

function take({ buyerKeys }: OrderToAllot, wanted: readonly Want[]): void {
  for (const { shelf, sale, quantity } of wanted) {
    shelf.stockLeft -= quantity;
    if (sale === undefined) continue;
    sale.quotaLeft -= quantity;
    for (const key of buyerKeys) sale.heldByBuyer.set(key, (sale.heldByBuyer.get(key) ?? 0) + quantity);
  }
}
