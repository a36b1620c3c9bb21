import { describe, expect, it } from 'vitest';
import { HELD } from '../../tests/aggregate.ts';
import type { StockMovement } from './effects.ts';
import { receiveGoods } from './goods-receipt.ts';
import { SharedStock } from './shared-stock.ts';

const sharedStock = (change: Partial<ConstructorParameters<typeof SharedStock>[0]> = {}) =>
  new SharedStock({
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

describe('the shared stock of a round', () => {
  it('covers an expired order while stock, quota and allowance suffice', () => {
    expect(sharedStock().covers([HELD])).toBe(true);
    const stock = [{ productId: 1, sku: 'KOPI', onHand: 9, reserved: 3, committed: 5 }];
    expect(sharedStock({ stock }).covers([HELD])).toBe(false);
    const saleItems = [{ flashSaleItemId: 3, quotaLeft: 1, limitPerBuyer: 4 }];
    expect(sharedStock({ saleItems }).covers([HELD])).toBe(false);
    const allowances = [{ flashSaleItemId: 3, buyerKey: 'siti', quantity: 3 }];
    expect(sharedStock({ allowances }).covers([HELD])).toBe(false);
    const others = [{ flashSaleItemId: 3, buyerKey: 'budi', quantity: 3 }];
    expect(sharedStock({ allowances: others }).covers([HELD]), 'a buyer without a row').toBe(true);
    const unlimited = [{ flashSaleItemId: 3, quotaLeft: 2, limitPerBuyer: null }];
    expect(sharedStock({ allowances, saleItems: unlimited }).covers([HELD])).toBe(true);
    expect(sharedStock({ stock: [] }).covers([HELD]), 'a product that was not locked').toBe(false);
    expect(sharedStock({ saleItems: [] }).covers([HELD]), 'a sale item that was not locked').toBe(false);
  });

  it('needs no quota at the regular price', () => {
    const ordinary = { ...HELD, flashSaleItemId: null, buyerKeys: [] };
    expect(sharedStock({ saleItems: [] }).covers([ordinary])).toBe(true);
  });

  it('covers nothing when more is promised than on hand', () => {
    const stock = [{ productId: 1, sku: 'KOPI', onHand: 5, reserved: 4, committed: 4 }];
    const short = sharedStock({ stock });
    short.move([movement('release', 2)]);
    expect(short.covers([{ ...HELD, quantity: 1 }])).toBe(false);
    short.move([movement('release', 2)]);
    expect(short.covers([{ ...HELD, quantity: 1 }])).toBe(true);
  });

  it.each(['release', 'revoke'] as const)('covers more after a %s', (kind) => {
    const moved = sharedStock();
    expect(moved.covers([{ ...HELD, quantity: 3 }])).toBe(false);
    moved.move([movement(kind, 1)]);
    expect(moved.covers([{ ...HELD, quantity: 3 }])).toBe(true);
  });

  it('covers less after a reinstatement, and the same after held stock is paid or shipped', () => {
    const moved = sharedStock();
    moved.move([movement('commit', 1), movement('ship', 1)]);
    expect(moved.covers([HELD])).toBe(true);
    moved.move([movement('reinstate', 1)]);
    expect(moved.covers([HELD])).toBe(false);
    expect(moved.covers([{ ...HELD, quantity: 1 }])).toBe(true);
  });
});

describe('the quota of a sale and a buyer’s allowance', () => {
  const stock = [{ productId: 1, sku: 'KOPI', onHand: 100, reserved: 20, committed: 20 }];
  const three = { ...HELD, quantity: 3 };
  const one = { ...HELD, quantity: 1 };
  const limits = {
    quota: { stock, allowances: [] },
    allowance: { stock, saleItems: [{ flashSaleItemId: 3, quotaLeft: 50, limitPerBuyer: 4 }] },
  };

  it.each(['quota', 'allowance'] as const)('move with the stock: the %s', (limit) => {
    const moved = sharedStock(limits[limit]);
    expect([moved.covers([HELD]), moved.covers([three])]).toEqual([true, false]);
    // Units that are paid or shipped were counted when they were reserved.
    moved.move([movement('commit', 1), movement('ship', 1)]);
    expect([moved.covers([HELD]), moved.covers([three])]).toEqual([true, false]);
    moved.move([movement('reinstate', 1)]);
    expect([moved.covers([one]), moved.covers([HELD])]).toEqual([true, false]);
    moved.move([movement('release', 1), movement('revoke', 1)]);
    expect(moved.covers([three])).toBe(true);
  });
});

describe('a goods receipt', () => {
  const receive = (on: SharedStock, sku = 'KOPI', reference = 'DO-2') =>
    receiveGoods(on, {
      kind: 'receive',
      sku,
      quantity: 4,
      reference,
      actor: 'admin',
      reason: 'goods receipt',
    });

  it('adds units to the shelf, once for its reference', () => {
    const on = sharedStock();
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
        ...{ reference: 'DO-2', actor: 'admin', reason: 'goods receipt' },
      },
    ]);
    on.move(effects.stockMovements ?? []);
    expect(receive(on)).toEqual({ outcome: 'known', effects: {} });
    expect(receive(sharedStock(), 'KOPI', 'DO-1')).toEqual({ outcome: 'known', effects: {} });
  });

  it('of an unknown product changes nothing', () => {
    expect(receive(sharedStock(), 'NOPE')).toEqual({ outcome: 'unknown_product', effects: {} });
  });
});
