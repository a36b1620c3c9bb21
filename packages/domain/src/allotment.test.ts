import { describe, expect, it } from 'vitest';
import { allot, type LockedProduct, type LockedSaleItem, type OrderToAllot } from './allotment.ts';

const kopi: LockedProduct = {
  productId: 1,
  sku: 'KOPI',
  name: 'Kopi',
  unitPriceRupiah: 50_000,
  available: 3,
};
const teh: LockedProduct = { productId: 2, sku: 'TEH', name: 'Teh', unitPriceRupiah: 20_000, available: 1 };
const order = (
  orderId: string,
  items: { sku: string; quantity: number }[],
  expectedTotalRupiah?: number,
): OrderToAllot => ({
  orderId,
  acceptedAtMs: 1_000,
  buyerKeys: [`email:${orderId}@example.test`],
  items,
  shippingFeeRupiah: 0,
  expectedTotalRupiah,
});

describe('allot', () => {
  it('serves orders in the given order until stock runs out', () => {
    const result = allot(
      ['a', 'b', 'c'].map((id) => order(id, [{ sku: 'KOPI', quantity: 2 }])),
      [kopi],
      [],
    );
    expect(result.map((r) => r.kind)).toEqual(['reserved', 'rejected', 'rejected']);
  });

  it('serves a later order that fits when an earlier one asked for too much', () => {
    const result = allot(
      [order('a', [{ sku: 'KOPI', quantity: 9 }]), order('b', [{ sku: 'KOPI', quantity: 3 }])],
      [kopi],
      [],
    );
    expect(result.map((r) => r.kind)).toEqual(['rejected', 'reserved']);
  });

  it('reserves all lines of an order or none', () => {
    const result = allot(
      [
        order('a', [
          { sku: 'KOPI', quantity: 1 },
          { sku: 'TEH', quantity: 2 },
        ]),
        order('b', [{ sku: 'KOPI', quantity: 3 }]),
      ],
      [kopi, teh],
      [],
    );
    expect(result).toMatchObject([
      { kind: 'rejected', reason: 'out_of_stock' },
      { kind: 'reserved', totalRupiah: 150_000 },
    ]);
  });

  it('sums the quantities of one product within an order', () => {
    const [result] = allot(
      [
        order('a', [
          { sku: 'KOPI', quantity: 2 },
          { sku: 'KOPI', quantity: 2 },
        ]),
      ],
      [kopi],
      [],
    );
    expect(result).toMatchObject({ kind: 'rejected', reason: 'out_of_stock' });
  });

  it('rejects an unknown product and an outdated total', () => {
    const result = allot(
      [order('a', [{ sku: 'NOPE', quantity: 1 }]), order('b', [{ sku: 'KOPI', quantity: 1 }], 49_000)],
      [kopi],
      [],
    );
    expect(result).toMatchObject([
      { kind: 'rejected', reason: 'unknown_product' },
      { kind: 'rejected', reason: 'price_changed', totalRupiah: 50_000 },
    ]);
  });
});

const plenty: LockedProduct = { ...kopi, available: 100 };
const kopiSale: LockedSaleItem = {
  flashSaleItemId: 7,
  productId: kopi.productId,
  startsAtMs: 1_000,
  endsAtMs: 2_000,
  salePriceRupiah: 10_000,
  quotaLeft: 3,
  limitPerBuyer: null,
  heldByBuyer: new Map(),
};
const limited = (limitPerBuyer: number, held: [string, number][] = []): LockedSaleItem => ({
  ...kopiSale,
  quotaLeft: 100,
  limitPerBuyer,
  heldByBuyer: new Map(held),
});
const some = (quantity: number) => [{ sku: 'KOPI', quantity }];

describe('allot in a flash sale', () => {
  it.each([
    [999, 50_000, null],
    [1_000, 10_000, 7],
    [1_999, 10_000, 7],
    [2_000, 50_000, null],
  ])('uses the price at the time of acceptance: %i ms', (acceptedAtMs, unitPriceRupiah, item) => {
    const [result] = allot([{ ...order('a', some(1)), acceptedAtMs }], [plenty], [kopiSale]);
    expect(result).toMatchObject({
      kind: 'reserved',
      totalRupiah: unitPriceRupiah,
      lines: [{ unitPriceRupiah, flashSaleItemId: item }],
    });
  });

  it('counts the quota of each sale of a product separately', () => {
    const next = { ...kopiSale, flashSaleItemId: 8, startsAtMs: 2_000, endsAtMs: 3_000, quotaLeft: 1 };
    const at = (acceptedAtMs: number, id: string, quantity: number) => ({
      ...order(id, some(quantity)),
      acceptedAtMs,
    });
    const orders = [at(2_500, 'a', 1), at(1_500, 'b', 3), at(2_500, 'c', 1)];
    expect(allot(orders, [plenty], [next, kopiSale])).toMatchObject([
      { kind: 'reserved', lines: [{ flashSaleItemId: 8 }] },
      { kind: 'reserved', lines: [{ flashSaleItemId: 7 }] },
      { kind: 'rejected', reason: 'sale_closed' },
    ]);
  });

  it('serves a smaller order after one that the quota does not cover', () => {
    expect(
      allot([order('a', some(2)), order('b', some(2)), order('c', some(1))], [plenty], [kopiSale]),
    ).toMatchObject([
      { kind: 'reserved' },
      { kind: 'rejected', reason: 'sale_closed' },
      { kind: 'reserved' },
    ]);
  });

  it('has one price for all lines of a product', () => {
    const [result] = allot([order('a', [...some(2), ...some(2)], 200_000)], [plenty], [kopiSale]);
    expect(result).toMatchObject({
      kind: 'reserved',
      lines: [{ unitPriceRupiah: 50_000 }, { unitPriceRupiah: 50_000 }],
    });
  });

  it.each([
    ['is sold at the regular price when that was shown', 200_000, { kind: 'reserved' }],
    ['is rejected as sale_closed when the sale price was shown', 40_000, { reason: 'sale_closed' }],
    ['is rejected as sale_closed when no total was shown', undefined, { reason: 'sale_closed' }],
    ['is rejected as price_changed when another total was shown', 40_001, { reason: 'price_changed' }],
  ])('an order that the quota does not cover %s', (_, expectedTotalRupiah, answer) => {
    const [result] = allot([order('a', some(4), expectedTotalRupiah)], [plenty], [kopiSale]);
    expect(result).toMatchObject({
      ...answer,
      totalRupiah: 200_000,
      lines: [{ unitPriceRupiah: 50_000, flashSaleItemId: null }],
    });
  });

  it('rejects as price_changed when the regular price was shown while the sale has quota', () => {
    const [result] = allot([order('a', some(1), 50_000)], [plenty], [kopiSale]);
    expect(result).toMatchObject({
      reason: 'price_changed',
      totalRupiah: 10_000,
      lines: [{ flashSaleItemId: 7 }],
    });
  });

  it('sells one product at the sale price and another, whose quota is sold, at the regular price', () => {
    const tehSale = { ...kopiSale, flashSaleItemId: 8, productId: teh.productId, quotaLeft: 0 };
    const shown = (expectedTotalRupiah?: number) => {
      const asked = order('a', [...some(1), { sku: 'TEH', quantity: 1 }], expectedTotalRupiah);
      return allot([{ ...asked, shippingFeeRupiah: 9_000 }], [plenty, teh], [kopiSale, tehSale])[0];
    };
    expect(shown(39_000)).toMatchObject({
      kind: 'reserved',
      totalRupiah: 39_000,
      lines: [{ flashSaleItemId: 7 }, { unitPriceRupiah: 20_000, flashSaleItemId: null }],
    });
    expect(shown(29_000)).toMatchObject({ reason: 'sale_closed', totalRupiah: 39_000 });
    expect(shown(79_000)).toMatchObject({ reason: 'price_changed' });
    expect(shown()).toMatchObject({ reason: 'sale_closed' });
  });

  it('counts the allowance in each sale of a product separately', () => {
    const next = { ...limited(1), flashSaleItemId: 8, startsAtMs: 2_000, endsAtMs: 3_000 };
    const at = (acceptedAtMs: number) => ({ ...order('a', some(1)), acceptedAtMs });
    expect(allot([at(1_500), at(2_500), at(2_501)], [plenty], [limited(1), next])).toMatchObject([
      { kind: 'reserved' },
      { kind: 'reserved' },
      { reason: 'limit_exceeded' },
    ]);
  });

  it('does not use quota for an order at the regular price', () => {
    const result = allot([order('a', some(4), 200_000), order('b', some(3))], [plenty], [kopiSale]);
    expect(result).toMatchObject([{ kind: 'reserved' }, { kind: 'reserved', totalRupiah: 30_000 }]);
  });

  it('shows the prices of an order with an unknown product', () => {
    const [result] = allot([order('a', [...some(1), { sku: 'NOPE', quantity: 1 }])], [plenty], [kopiSale]);
    expect(result).toMatchObject({
      reason: 'unknown_product',
      totalRupiah: null,
      lines: [
        { unitPriceRupiah: 10_000, flashSaleItemId: 7 },
        { unitPriceRupiah: null, flashSaleItemId: null },
      ],
    });
  });

  it('counts earlier orders of the batch against the limit of a buyer', () => {
    const orders = ['a', 'b', 'c'].map((id) => ({ ...order(id, some(1)), buyerKeys: ['phone:1'] }));
    expect(allot(orders, [plenty], [limited(2)])).toMatchObject([
      { kind: 'reserved' },
      { kind: 'reserved' },
      { kind: 'rejected', reason: 'limit_exceeded' },
    ]);
  });

  it('applies the limit to a buyer who changes only e-mail or phone', () => {
    const by = (id: string, ...buyerKeys: string[]) => ({ ...order(id, some(1)), buyerKeys });
    const orders = [
      by('a', 'email:s', 'phone:1'),
      by('b', 'email:s', 'phone:2'),
      by('c', 'email:t', 'phone:1'),
    ];
    expect(allot(orders, [plenty], [limited(1)])).toMatchObject([
      { kind: 'reserved' },
      { reason: 'limit_exceeded' },
      { reason: 'limit_exceeded' },
    ]);
  });

  it('counts units that a buyer already holds, and rejects one order for more than the limit', () => {
    const by = (quantity: number) => ({ ...order('a', some(quantity)), buyerKeys: ['phone:1'] });
    const sale = limited(3, [['phone:1', 1]]);
    expect(allot([by(2)], [plenty], [sale])).toMatchObject([{ kind: 'reserved' }]);
    expect(allot([by(3)], [plenty], [sale])).toMatchObject([{ reason: 'limit_exceeded' }]);
    expect(allot([order('b', some(4))], [plenty], [sale])).toMatchObject([{ reason: 'limit_exceeded' }]);
  });

  it('has no limit at the regular price', () => {
    const sale = { ...limited(1), quotaLeft: 1 };
    expect(allot([order('a', some(2), 100_000)], [plenty], [sale])).toMatchObject([{ kind: 'reserved' }]);
  });

  it('uses neither quota nor allowance for an order that stock cannot serve', () => {
    const result = allot(
      [
        order('a', [...some(1), { sku: 'TEH', quantity: 2 }]),
        { ...order('b', some(1)), buyerKeys: order('a', []).buyerKeys },
      ],
      [plenty, teh],
      [{ ...limited(1), quotaLeft: 1 }],
    );
    expect(result).toMatchObject([{ reason: 'out_of_stock' }, { kind: 'reserved' }]);
  });

  it('checks the price before the limit, and the limit before the stock', () => {
    const one = (expected?: number) => allot([order('a', some(5), expected)], [kopi], [limited(2)])[0];
    expect(one(1)).toMatchObject({ reason: 'price_changed' });
    expect(one(50_000)).toMatchObject({ reason: 'limit_exceeded' });
  });
});
