import { describe, expect, it } from 'vitest';
import { HELD } from '../../tests/aggregate.ts';
import type { StockMovement } from './effects.ts';
import { receiveGoods } from './goods-receipt.ts';
import { Shelves } from './shelves.ts';

const shelves = (change: Partial<ConstructorParameters<typeof Shelves>[0]> = {}) =>
  new Shelves({
    stock: [{ productId: 1, sku: 'KOPI', onHand: 10, reserved: 3, committed: 5 }],
    saleItems: [{ flashSaleItemId: 3, quotaLeft: 2, limitPerBuyer: 4 }],
    allowances: [{ flashSaleItemId: 3, buyerKey: 'siti', quantity: 2 }],
    knownGoodsReceipts: [{ productId: 1, reference: 'DO-1' }],
    ...change,
  });
const movement = (kind: StockMovement['kind'], quantity: number, more: Partial<StockMovement> = {}) => ({
  ...{ orderId: 'x', productId: 1, kind, quantity, flashSaleItemId: 3, buyerKeys: ['siti'] },
  ...{ actor: 'worker', reason: 'test' },
  ...more,
});

describe('the shelves of a round', () => {
  it('cover what an expired order held while stock, quota and allowance suffice', () => {
    expect(shelves().covers([HELD])).toBe(true);
    const stock = [{ productId: 1, sku: 'KOPI', onHand: 9, reserved: 3, committed: 5 }];
    expect(shelves({ stock }).covers([HELD])).toBe(false);
    const saleItems = [{ flashSaleItemId: 3, quotaLeft: 1, limitPerBuyer: 4 }];
    expect(shelves({ saleItems }).covers([HELD])).toBe(false);
    const allowances = [{ flashSaleItemId: 3, buyerKey: 'siti', quantity: 3 }];
    expect(shelves({ allowances }).covers([HELD])).toBe(false);
    const others = [{ flashSaleItemId: 3, buyerKey: 'budi', quantity: 3 }];
    expect(shelves({ allowances: others }).covers([HELD]), 'a buyer without a row').toBe(true);
    const unlimited = [{ flashSaleItemId: 3, quotaLeft: 2, limitPerBuyer: null }];
    expect(shelves({ allowances, saleItems: unlimited }).covers([HELD])).toBe(true);
    expect(shelves({ stock: [] }).covers([HELD]), 'a product that was not locked').toBe(false);
    expect(shelves({ saleItems: [] }).covers([HELD]), 'a sale item that was not locked').toBe(false);
  });

  it('ask for no quota at the ordinary price', () => {
    const ordinary = { ...HELD, flashSaleItemId: null, buyerKeys: [] };
    expect(shelves({ saleItems: [] }).covers([ordinary])).toBe(true);
  });

  it('have nothing to give where more was promised than is there', () => {
    const stock = [{ productId: 1, sku: 'KOPI', onHand: 5, reserved: 4, committed: 4 }];
    const short = shelves({ stock });
    short.move([movement('release', 2)]);
    expect(short.covers([{ ...HELD, quantity: 1 }])).toBe(false);
    short.move([movement('release', 2)]);
    expect(short.covers([{ ...HELD, quantity: 1 }])).toBe(true);
  });

  it.each(['release', 'revoke'] as const)('have more to give after a %s', (kind) => {
    const moved = shelves();
    expect(moved.covers([{ ...HELD, quantity: 3 }])).toBe(false);
    moved.move([movement(kind, 1)]);
    expect(moved.covers([{ ...HELD, quantity: 3 }])).toBe(true);
  });

  it('have less to give after a reinstatement, and the same after what was held is paid or sent', () => {
    const moved = shelves();
    moved.move([movement('commit', 1), movement('ship', 1)]);
    expect(moved.covers([HELD])).toBe(true);
    moved.move([movement('reinstate', 1)]);
    expect(moved.covers([HELD])).toBe(false);
    expect(moved.covers([{ ...HELD, quantity: 1 }])).toBe(true);
  });
});

describe('the quota of a sale, and what a buyer may have of it', () => {
  const stock = [{ productId: 1, sku: 'KOPI', onHand: 100, reserved: 20, committed: 20 }];
  const three = { ...HELD, quantity: 3 };
  const one = { ...HELD, quantity: 1 };
  const limits = {
    quota: { stock, allowances: [] },
    allowance: { stock, saleItems: [{ flashSaleItemId: 3, quotaLeft: 50, limitPerBuyer: 4 }] },
  };

  it.each(['quota', 'allowance'] as const)('move with the stock: the %s', (limit) => {
    const moved = shelves(limits[limit]);
    expect([moved.covers([HELD]), moved.covers([three])]).toEqual([true, false]);
    // What is paid or sent was counted when it was reserved.
    moved.move([movement('commit', 1), movement('ship', 1)]);
    expect([moved.covers([HELD]), moved.covers([three])]).toEqual([true, false]);
    moved.move([movement('reinstate', 1)]);
    expect([moved.covers([one]), moved.covers([HELD])]).toEqual([true, false]);
    moved.move([movement('release', 1), movement('revoke', 1)]);
    expect(moved.covers([three])).toBe(true);
  });
});

describe('a goods receipt', () => {
  const receive = (on: Shelves, sku = 'KOPI', reference = 'DO-2') =>
    receiveGoods(on, { kind: 'receive', sku, quantity: 4, reference, actor: 'admin', reason: 'delivery' });

  it('puts units on the shelf, once for its reference', () => {
    const on = shelves();
    const { outcome, effects } = receive(on);
    expect(outcome).toBe('received');
    expect(effects.stockMovements).toEqual([
      {
        ...{
          orderId: null,
          productId: 1,
          kind: 'receive',
          quantity: 4,
          flashSaleItemId: null,
          buyerKeys: [],
        },
        ...{ reference: 'DO-2', actor: 'admin', reason: 'delivery' },
      },
    ]);
    on.move(effects.stockMovements ?? []);
    expect(receive(on)).toEqual({ outcome: 'known', effects: {} });
    expect(receive(shelves(), 'KOPI', 'DO-1')).toEqual({ outcome: 'known', effects: {} });
  });

  it('of an unknown product changes nothing', () => {
    expect(receive(shelves(), 'NOPE')).toEqual({ outcome: 'unknown_product', effects: {} });
  });
});
