import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allot, type LockedProduct, type OrderToAllot } from './allotment.ts';

const SKUS = ['KOPI', 'TEH', 'GULA'] as const;

/** Little stock and many orders, so that nearly every run sees some that fit, some that do not, and some repeats. */
const products = fc
  .tuple(
    ...SKUS.map(() => fc.record({ available: fc.nat(8), unitPriceRupiah: fc.integer({ min: 1, max: 1e9 }) })),
  )
  .map((rows): LockedProduct[] =>
    rows.map((row, index) => ({
      ...row,
      productId: index + 1,
      sku: SKUS[index] ?? '',
      name: `Product ${index}`,
    })),
  );
const sku = fc.oneof(
  { weight: 30, arbitrary: fc.constantFrom(...SKUS) },
  { weight: 1, arbitrary: fc.constant('NOPE') },
);
const order = fc.record({
  items: fc.array(fc.record({ sku, quantity: fc.integer({ min: 1, max: 4 }) }), {
    minLength: 1,
    maxLength: 5,
  }),
  shippingFeeRupiah: fc.nat(100_000),
  /** How far what the buyer was shown is from the total; undefined where nothing was shown. */
  shownOffBy: fc.oneof(
    { weight: 4, arbitrary: fc.constant(undefined) },
    { weight: 4, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.constantFrom(-1, 1) },
  ),
});
const market = fc.record({ products, orders: fc.array(order, { maxLength: 14 }) }).map((drawn) => ({
  products: drawn.products,
  orders: drawn.orders.map(({ shownOffBy, ...rest }, index): OrderToAllot => {
    const shown = { ...rest, orderId: `order-${index}` };
    const total = exactTotal(shown, drawn.products);
    if (shownOffBy === undefined || total === null) return shown;
    return { ...shown, expectedTotalRupiah: Math.max(0, Number(total) + shownOffBy) };
  }),
}));

const productOf = (bySku: string, all: readonly LockedProduct[]) =>
  all.find((product) => product.sku === bySku);

/** Null when a product of the order is not known. */
function exactTotal(
  { items, shippingFeeRupiah }: OrderToAllot,
  all: readonly LockedProduct[],
): bigint | null {
  let total = BigInt(shippingFeeRupiah);
  for (const item of items) {
    const product = productOf(item.sku, all);
    if (product === undefined) return null;
    total += BigInt(product.unitPriceRupiah) * BigInt(item.quantity);
  }
  return total;
}

/** Units of each product that the lines come to. */
function unitsOf(lines: readonly { sku: string; quantity: number }[]): Map<string, number> {
  const units = new Map<string, number>();
  for (const line of lines) units.set(line.sku, (units.get(line.sku) ?? 0) + line.quantity);
  return units;
}

type Market = { products: LockedProduct[]; orders: OrderToAllot[] };
const holds = (property: (drawn: Market) => void) =>
  fc.assert(fc.property(market, property), { numRuns: 1_000 });

describe('allot, for any orders and any stock', () => {
  it('never allots more of a product than is available', () => {
    holds(({ products: all, orders }) => {
      const given = unitsOf(allot(orders, all).flatMap((a) => (a.kind === 'reserved' ? a.lines : [])));
      for (const [of, units] of given) expect(units).toBeLessThanOrEqual(productOf(of, all)?.available ?? 0);
    });
  });

  it('answers every order once, in the order given, with all of its lines', () => {
    holds(({ products: all, orders }) => {
      const answers = allot(orders, all);
      expect(answers.map(({ orderId }) => orderId)).toEqual(orders.map(({ orderId }) => orderId));
      answers.forEach(({ lines }, index) => {
        const expected = orders[index]?.items.map((item) => {
          const { productId = null, name = null, unitPriceRupiah = null } = productOf(item.sku, all) ?? {};
          return { ...item, productId, name, unitPriceRupiah };
        });
        expect(lines).toEqual(expected);
      });
    });
  });

  it('takes nothing for an order that it rejects: without it, all others get the same', () => {
    holds(({ products: all, orders }) => {
      const answers = allot(orders, all);
      for (const { kind, orderId: rejected } of answers) {
        if (kind === 'reserved') continue;
        const others = orders.filter(({ orderId }) => orderId !== rejected);
        expect(allot(others, all)).toEqual(answers.filter(({ orderId }) => orderId !== rejected));
      }
    });
  });

  it('serves an order exactly when what the earlier ones left is enough for it', () => {
    holds(({ products: all, orders }) => {
      const left = new Map(all.map(({ sku: of, available }) => [of, available]));
      allot(orders, all).forEach((answer, index) => {
        const units = unitsOf(orders[index]?.items ?? []);
        const fits = [...units].every(([of, quantity]) => quantity <= (left.get(of) ?? 0));
        if (answer.kind === 'reserved') {
          expect(fits).toBe(true);
          for (const [of, quantity] of units) left.set(of, (left.get(of) ?? 0) - quantity);
        } else if (answer.reason === 'out_of_stock') expect(fits).toBe(false);
      });
    });
  });

  it('decides about an order without regard to those behind it', () => {
    holds(({ products: all, orders }) => {
      const answers = allot(orders, all);
      for (let ahead = 0; ahead <= orders.length; ahead += 1) {
        expect(allot(orders.slice(0, ahead), all)).toEqual(answers.slice(0, ahead));
      }
    });
  });

  it('answers the same when asked again, however the products are listed, and changes no input', () => {
    holds((drawn) => {
      const before = structuredClone(drawn);
      const first = allot(drawn.orders, drawn.products);
      expect(drawn).toEqual(before);
      expect(allot(drawn.orders, drawn.products)).toEqual(first);
      expect(allot(drawn.orders, drawn.products.toReversed())).toEqual(first);
    });
  });

  it('sums the quantities of one product: an order means the same with its lines merged', () => {
    holds(({ products: all, orders }) => {
      const merged = orders.map((one) => ({
        ...one,
        items: [...unitsOf(one.items)].map(([of, quantity]) => ({ sku: of, quantity })),
      }));
      const essence = ({ lines: _lines, ...rest }: ReturnType<typeof allot>[number]) => rest;
      expect(allot(merged, all).map(essence)).toEqual(allot(orders, all).map(essence));
    });
  });

  it('counts totals to the rupiah, and rejects an order that was shown another one', () => {
    holds(({ products: all, orders }) => {
      allot(orders, all).forEach((answer, index) => {
        const asked = orders[index];
        if (asked === undefined) throw new Error('An answer came that nobody asked for.');
        const total = exactTotal(asked, all);
        expect(answer.totalRupiah === null ? null : BigInt(answer.totalRupiah)).toBe(total);
        const isShownAnother =
          asked.expectedTotalRupiah !== undefined && BigInt(asked.expectedTotalRupiah) !== total;
        const reason = answer.kind === 'rejected' ? answer.reason : undefined;
        expect(reason === 'unknown_product').toBe(total === null);
        expect(reason === 'price_changed').toBe(total !== null && isShownAnother);
      });
    });
  });
});
