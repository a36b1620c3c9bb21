import { expect, it } from 'vitest';
import type { OrderCommand } from './commands.ts';
import { involvesReturnedMoney, roundsOf } from './rounds.ts';

const ship = (orderId: string): OrderCommand => ({
  ...{ kind: 'ship', orderId, carrier: 'JNE', trackingNumber: '1', actor: 'shop' },
});
const voided = (orderId: string): OrderCommand => ({ kind: 'void', orderId, actor: 'admin', reason: 'gone' });
const receive: OrderCommand = {
  ...{
    kind: 'receive',
    sku: 'KOPI',
    quantity: 1,
    reference: 'DO-1',
    actor: 'admin',
    reason: 'goods receipt',
  },
};

it('commands of one order get a round each, in their order, and share rounds with those of other orders', () => {
  expect(roundsOf([ship('a'), ship('b'), ship('a'), receive, voided('a'), voided('b')])).toEqual([
    [0, 1, 3],
    [2, 5],
    [4],
  ]);
  expect(roundsOf([])).toEqual([[]]);
});

it('involvesReturnedMoney lists the commands about returned money', () => {
  expect(involvesReturnedMoney(voided('a'))).toBe(true);
  expect(involvesReturnedMoney(ship('a'))).toBe(false);
  expect(involvesReturnedMoney(receive)).toBe(false);
});
