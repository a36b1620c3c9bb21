import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  allot,
  type Allotment,
  type LockedProduct,
  type LockedSaleItem,
  type OrderToAllot,
} from './allotment.ts';
import { buyerKeysOf } from './buyer.ts';

const SKUS = ['KOPI', 'TEH', 'GULA'] as const;

/** In some runs stock runs out. In others it lasts, so that quotas and limits run out. */
const product = fc.record({
  available: fc.oneof(fc.nat(8), fc.integer({ min: 9, max: 60 })),
  unitPriceRupiah: fc.integer({ min: 1, max: 1e9 }),
});
const sku = fc.oneof(
  { weight: 30, arbitrary: fc.constantFrom(...SKUS) },
  { weight: 1, arbitrary: fc.constant('NOPE') },
);

/** A day of 12 ms, so that orders often hit the first and last moment of a sale, gaps, and adjacent sales. */
const moment = fc.nat(12);
const BUYER_KEYS = [
  'email:siti@gmail.com',
  'email:budi@toko.id',
  'id:toko:7',
  'phone:62811111111',
  'phone:62822222222',
];
const saleItem = fc.record({
  gapMs: fc.nat(3),
  lengthMs: fc.integer({ min: 1, max: 8 }),
  salePriceRupiah: fc.option(fc.integer({ min: 0, max: 1e9 }), { nil: 'ordinary' as const, freq: 9 }),
  quotaLeft: fc.nat(6),
  limitPerBuyer: fc.constantFrom(null, null, 1, 2, 3),
  heldByBuyer: fc.uniqueArray(fc.tuple(fc.constantFrom(...BUYER_KEYS), fc.integer({ min: 1, max: 3 })), {
    selector: ([key]) => key,
    maxLength: 2,
  }),
});
const buyer = fc.record({
  storefrontId: fc.constant('toko'),
  customer: fc.record(
    {
      id: fc.constantFrom('7', '8'),
      email: fc.constantFrom('siti@gmail.com', 'S.iti+1@googlemail.com', 'budi@toko.id', 'Budi+a@toko.id'),
      phone: fc.constantFrom('0811111111', '+62 811 111 111', '62 0822 222 222', '0822222222', '0833333333'),
    },
    { requiredKeys: ['email', 'phone'] },
  ),
});
const order = fc.record({
  acceptedAtMs: moment,
  buyer,
  items: fc.array(fc.record({ sku, quantity: fc.constantFrom(1, 1, 1, 2, 3) }), {
    minLength: 1,
    maxLength: 4,
  }),
  shippingFeeRupiah: fc.nat(100_000),
  /** The SKUs that the buyer was shown at their sale price; undefined if no total was shown. */
  shownOnSale: fc.oneof(
    { weight: 4, arbitrary: fc.constant(undefined) },
    { weight: 3, arbitrary: fc.constant<readonly string[]>(SKUS) },
    { weight: 2, arbitrary: fc.constant<readonly string[]>([]) },
    { weight: 2, arbitrary: fc.subarray<string>([...SKUS]) },
  ),
  /** The difference between the shown total and the order's total. */
  shownOffBy: fc.oneof(
    { weight: 8, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.constantFrom(-1, 1) },
  ),
});

interface Market {
  products: LockedProduct[];
  saleItems: LockedSaleItem[];
  orders: OrderToAllot[];
}

const market = fc
  .record({
    products: fc.tuple(
      ...SKUS.map(() => fc.record({ product, sales: fc.array(saleItem, { maxLength: 2, size: 'max' }) })),
    ),
    orders: fc.array(order, { maxLength: 14, size: 'max' }),
  })
  .map((drawn): Market => {
    const products = drawn.products.map(
      (row, index): LockedProduct => ({
        ...row.product,
        productId: index + 1,
        sku: SKUS[index] ?? '',
        name: `Product ${index}`,
      }),
    );
    const saleItems = drawn.products.flatMap(({ product: { unitPriceRupiah }, sales }, index) => {
      let freeFromMs = 0;
      return sales.map(({ gapMs, lengthMs, salePriceRupiah, heldByBuyer, ...rest }, nth): LockedSaleItem => {
        const startsAtMs = freeFromMs + gapMs;
        const endsAtMs = (freeFromMs = startsAtMs + lengthMs);
        return {
          ...rest,
          flashSaleItemId: 10 * (index + 1) + nth,
          productId: index + 1,
          startsAtMs,
          endsAtMs,
          salePriceRupiah: salePriceRupiah === 'ordinary' ? unitPriceRupiah : salePriceRupiah,
          heldByBuyer: new Map(heldByBuyer),
        };
      });
    });
    const orders = drawn.orders.map(
      ({ buyer: by, shownOnSale, shownOffBy, ...rest }, index): OrderToAllot => {
        const asked = { ...rest, orderId: `order-${index}`, buyerKeys: buyerKeysOf(by) };
        if (shownOnSale === undefined) return asked;
        const total = exactTotal(asked, (of) => {
          const sale = shownOnSale.includes(of)
            ? openSale(of, asked.acceptedAtMs, { products, saleItems })
            : undefined;
          return sale?.salePriceRupiah ?? productOf(of, products)?.unitPriceRupiah ?? 0;
        });
        return { ...asked, expectedTotalRupiah: Math.max(0, Number(total) + shownOffBy) };
      },
    );
    return { products, saleItems, orders };
  });

const productOf = (bySku: string, all: readonly LockedProduct[]) => all.find((one) => one.sku === bySku);

function openSale(
  bySku: string,
  atMs: number,
  { products, saleItems }: Pick<Market, 'products' | 'saleItems'>,
): LockedSaleItem | undefined {
  const productId = productOf(bySku, products)?.productId;
  const [sale, ...more] = saleItems
    .filter((item) => item.productId === productId)
    .filter(({ startsAtMs, endsAtMs }) => !(atMs < startsAtMs || endsAtMs <= atMs));
  if (more.length > 0) throw new Error('Two sales of one product are open at once.');
  return sale;
}

function exactTotal(
  { items, shippingFeeRupiah }: Pick<OrderToAllot, 'items' | 'shippingFeeRupiah'>,
  priceOf: (bySku: string) => number,
): bigint {
  return items.reduce(
    (total, item) => total + BigInt(priceOf(item.sku)) * BigInt(item.quantity),
    BigInt(shippingFeeRupiah),
  );
}

/** Units of each product in these lines. */
function unitsOf(lines: readonly { sku: string; quantity: number }[]): Map<string, number> {
  const units = new Map<string, number>();
  for (const line of lines) units.set(line.sku, (units.get(line.sku) ?? 0) + line.quantity);
  return units;
}

const answersOf = ({ orders, products, saleItems }: Market) => allot(orders, products, saleItems);

/** Each order with its allotment and the earlier allotments. */
function pairsOf(drawn: Market): { asked: OrderToAllot; answer: Allotment; earlier: Taken }[] {
  const answers = answersOf(drawn);
  return drawn.orders.map((asked, index) => {
    const answer = answers[index];
    if (answer === undefined) throw new Error(`Order ${asked.orderId} has no allotment.`);
    return { asked, answer, earlier: takenBy(answers.slice(0, index), drawn) };
  });
}

/** What a list of allotments took, by their reserved lines. */
interface Taken {
  units: (bySku: string) => number;
  quota: (flashSaleItemId: number) => number;
  allowance: (flashSaleItemId: number, key: string) => number;
}

function takenBy(answers: readonly Allotment[], { orders }: Market): Taken {
  const lines = answers.flatMap((answer) =>
    answer.kind === 'rejected'
      ? []
      : answer.lines.map((line) => ({
          ...line,
          buyerKeys: orders.find(({ orderId }) => orderId === answer.orderId)?.buyerKeys ?? [],
        })),
  );
  const sum = (isCounted: (line: (typeof lines)[number]) => boolean) =>
    lines.filter(isCounted).reduce((total, { quantity }) => total + quantity, 0);
  return {
    units: (bySku) => sum((line) => line.sku === bySku),
    quota: (id) => sum((line) => line.flashSaleItemId === id),
    allowance: (id, key) => sum((line) => line.flashSaleItemId === id && line.buyerKeys.includes(key)),
  };
}

/**
 * The expected rejection reason of an order after `earlier`, computed from facts about each of its products. Null if
 * it must be reserved.
 */
function ruling(asked: OrderToAllot, earlier: Taken, drawn: Market) {
  const facts = [...unitsOf(asked.items)].map(([of, units]) => {
    const known = productOf(of, drawn.products);
    const sale = openSale(of, asked.acceptedAtMs, drawn);
    const hasQuota = sale !== undefined && earlier.quota(sale.flashSaleItemId) + units <= sale.quotaLeft;
    const ordinaryRupiah = known?.unitPriceRupiah ?? 0;
    return {
      sku: of,
      isUnknown: known === undefined,
      isQuotaSold: sale !== undefined && !hasQuota,
      flashSaleItemId: hasQuota ? sale.flashSaleItemId : null,
      priceRupiah: hasQuota ? sale.salePriceRupiah : ordinaryRupiah,
      openPriceRupiah: sale?.salePriceRupiah ?? ordinaryRupiah,
      isShort: earlier.units(of) + units > (known?.available ?? 0),
      isAboveLimit:
        hasQuota &&
        asked.buyerKeys.some(
          (key) =>
            (sale.heldByBuyer.get(key) ?? 0) + earlier.allowance(sale.flashSaleItemId, key) + units >
            (sale.limitPerBuyer ?? Infinity),
        ),
    };
  });
  const factOf = (of: string) => facts.find((fact) => fact.sku === of);
  const total = exactTotal(asked, (of) => factOf(of)?.priceRupiah ?? 0);
  const totalOnSale = exactTotal(asked, (of) => factOf(of)?.openPriceRupiah ?? 0);
  const shown = asked.expectedTotalRupiah === undefined ? undefined : BigInt(asked.expectedTotalRupiah);
  const isUnknown = facts.some((fact) => fact.isUnknown);
  const isQuotaSold = facts.some((fact) => fact.isQuotaSold);
  const reasons = {
    unknown_product: isUnknown,
    sale_closed: isQuotaSold && shown !== total && (shown === undefined || shown === totalOnSale),
    price_changed: shown !== undefined && shown !== total,
    limit_exceeded: facts.some((fact) => fact.isAboveLimit),
    out_of_stock: facts.some((fact) => fact.isShort),
  };
  const reason = Object.entries(reasons).find(([, applies]) => applies)?.[0] ?? null;
  return { reason, total: isUnknown ? null : total, factOf };
}

const holds = (property: (drawn: Market) => void) =>
  fc.assert(fc.property(market, property), { numRuns: 1_000 });

describe('allot, for any orders, any stock and any sales', () => {
  it('never allots more of a product than is available', () => {
    holds((drawn) => {
      const taken = takenBy(answersOf(drawn), drawn);
      for (const { sku: of, available } of drawn.products) {
        expect(taken.units(of)).toBeLessThanOrEqual(available);
      }
    });
  });

  it('never sells more at a sale price than its quota', () => {
    holds((drawn) => {
      const taken = takenBy(answersOf(drawn), drawn);
      for (const { flashSaleItemId, quotaLeft } of drawn.saleItems) {
        expect(taken.quota(flashSaleItemId)).toBeLessThanOrEqual(quotaLeft);
      }
    });
  });

  it('never lets a buyer key exceed a limit', () => {
    holds((drawn) => {
      const taken = takenBy(answersOf(drawn), drawn);
      for (const { flashSaleItemId, limitPerBuyer, heldByBuyer } of drawn.saleItems) {
        for (const key of new Set(drawn.orders.flatMap(({ buyerKeys }) => buyerKeys))) {
          const bought = taken.allowance(flashSaleItemId, key);
          if (bought === 0 || limitPerBuyer === null) continue;
          expect((heldByBuyer.get(key) ?? 0) + bought).toBeLessThanOrEqual(limitPerBuyer);
        }
      }
    });
  });

  it('sells at a sale price only orders accepted in its window, and all others at the regular price', () => {
    holds((drawn) => {
      for (const { asked, answer } of pairsOf(drawn)) {
        for (const line of answer.lines) {
          const sale = openSale(line.sku, asked.acceptedAtMs, drawn);
          const ordinary = productOf(line.sku, drawn.products)?.unitPriceRupiah ?? null;
          expect([null, sale?.flashSaleItemId ?? null]).toContain(line.flashSaleItemId);
          expect(line.unitPriceRupiah).toBe(line.flashSaleItemId === null ? ordinary : sale?.salePriceRupiah);
        }
      }
    });
  });

  it('decides every order once, in the given order, with all of its lines and one price for each product', () => {
    holds((drawn) => {
      expect(answersOf(drawn).map(({ orderId }) => orderId)).toEqual(
        drawn.orders.map(({ orderId }) => orderId),
      );
      for (const { asked, answer } of pairsOf(drawn)) {
        const prices = new Map(answer.lines.map((line) => [line.sku, line]));
        const expected = asked.items.map((item) => {
          const { productId = null, name = null } = productOf(item.sku, drawn.products) ?? {};
          const { unitPriceRupiah, flashSaleItemId } = prices.get(item.sku) ?? {};
          return { ...item, productId, name, unitPriceRupiah, flashSaleItemId };
        });
        expect(answer.lines).toEqual(expected);
      }
    });
  });

  it('takes nothing for a rejected order: without it, all others get the same', () => {
    holds((drawn) => {
      const answers = answersOf(drawn);
      for (const { kind, orderId: rejected } of answers) {
        if (kind === 'reserved') continue;
        const orders = drawn.orders.filter(({ orderId }) => orderId !== rejected);
        expect(answersOf({ ...drawn, orders })).toEqual(
          answers.filter(({ orderId }) => orderId !== rejected),
        );
      }
    });
  });

  it('decides every order by the rules, on what the earlier orders left', () => {
    holds((drawn) => {
      for (const { asked, answer, earlier } of pairsOf(drawn)) {
        expect(answer.kind === 'rejected' ? answer.reason : null).toBe(ruling(asked, earlier, drawn).reason);
      }
    });
  });

  it('gives the sale price exactly when the quota covers the order', () => {
    holds((drawn) => {
      for (const { asked, answer, earlier } of pairsOf(drawn)) {
        const { factOf } = ruling(asked, earlier, drawn);
        for (const line of answer.lines) expect(line.flashSaleItemId).toBe(factOf(line.sku)?.flashSaleItemId);
      }
    });
  });

  it('decides an order independently of the orders after it', () => {
    holds((drawn) => {
      const answers = answersOf(drawn);
      for (let ahead = 0; ahead <= answers.length; ahead += 1) {
        const orders = drawn.orders.slice(0, ahead);
        expect(answersOf({ ...drawn, orders })).toEqual(answers.slice(0, ahead));
      }
    });
  });

  it('is deterministic, ignores the order of products and sales, and does not change its input', () => {
    holds((drawn) => {
      const before = structuredClone(drawn);
      const first = answersOf(drawn);
      expect(drawn).toEqual(before);
      expect(answersOf(drawn)).toEqual(first);
      const relisted = {
        products: drawn.products.toReversed(),
        saleItems: drawn.saleItems.toReversed(),
        orders: drawn.orders.map((one) => ({ ...one, buyerKeys: one.buyerKeys.toReversed() })),
      };
      expect(answersOf(relisted)).toEqual(first);
    });
  });

  it('sums the quantities of one product: merging an order’s lines changes nothing', () => {
    holds((drawn) => {
      const orders = drawn.orders.map((one) => ({
        ...one,
        items: [...unitsOf(one.items)].map(([of, quantity]) => ({ sku: of, quantity })),
      }));
      const essence = ({ lines, ...rest }: Allotment) => ({
        ...rest,
        prices: Object.fromEntries(lines.map((line) => [line.sku, line.unitPriceRupiah])),
      });
      expect(answersOf({ ...drawn, orders }).map(essence)).toEqual(answersOf(drawn).map(essence));
    });
  });

  it('computes exact totals, and rejects an order whose buyer was shown another total', () => {
    holds((drawn) => {
      for (const { asked, answer, earlier } of pairsOf(drawn)) {
        const { total } = ruling(asked, earlier, drawn);
        expect(answer.totalRupiah === null ? null : BigInt(answer.totalRupiah)).toBe(total);
        if (answer.kind === 'rejected') continue;
        expect(asked.expectedTotalRupiah ?? answer.totalRupiah).toBe(answer.totalRupiah);
        const linesTotal = answer.lines.reduce(
          (sum, line) => sum + BigInt(line.unitPriceRupiah) * BigInt(line.quantity),
          BigInt(asked.shippingFeeRupiah),
        );
        expect(BigInt(answer.totalRupiah)).toBe(linesTotal);
      }
    });
  });
});
