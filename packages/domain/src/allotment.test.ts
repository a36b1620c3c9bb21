import { describe, expect, it } from 'vitest';
import { allot, type LockedProduct } from './allotment.ts';

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
) => ({
  orderId,
  items,
  shippingFeeRupiah: 0,
  expectedTotalRupiah,
});

describe('allot', () => {
  it('serves orders in the order given until stock is gone', () => {
    const result = allot(
      ['a', 'b', 'c'].map((id) => order(id, [{ sku: 'KOPI', quantity: 2 }])),
      [kopi],
    );
    expect(result.map((r) => r.kind)).toEqual(['reserved', 'rejected', 'rejected']);
  });

  it('gives an order that fits to a later buyer when an earlier one asked for too much', () => {
    const result = allot(
      [order('a', [{ sku: 'KOPI', quantity: 9 }]), order('b', [{ sku: 'KOPI', quantity: 3 }])],
      [kopi],
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
    );
    expect(result).toMatchObject({ kind: 'rejected', reason: 'out_of_stock' });
  });

  it('rejects an unknown product and a total that no longer holds', () => {
    const result = allot(
      [order('a', [{ sku: 'NOPE', quantity: 1 }]), order('b', [{ sku: 'KOPI', quantity: 1 }], 49_000)],
      [kopi],
    );
    expect(result).toMatchObject([
      { kind: 'rejected', reason: 'unknown_product' },
      { kind: 'rejected', reason: 'price_changed', totalRupiah: 50_000 },
    ]);
  });
});
