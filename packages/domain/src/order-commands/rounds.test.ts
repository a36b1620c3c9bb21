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

it('a batch without commands about returned money is one round', () => {
  expect(roundsOf([ship('a'), ship('b'), ship('a'), receive])).toEqual([[0, 1, 2, 3]]);
  expect(roundsOf([])).toEqual([[]]);
});

it('a command about returned money gets a round apart from other commands of its order only', () => {
  expect(roundsOf([ship('a'), voided('a'), ship('a'), ship('a'), voided('a')])).toEqual([
    [0],
    [1],
    [2, 3],
    [4],
  ]);
  expect(roundsOf([voided('a'), ship('b'), ship('a'), receive, voided('b'), ship('b')])).toEqual([
    [0, 1, 3],
    [2, 4],
    [5],
  ]);
});

it('involvesReturnedMoney lists the commands about returned money', () => {
  expect(involvesReturnedMoney(voided('a'))).toBe(true);
  expect(involvesReturnedMoney(ship('a'))).toBe(false);
  expect(involvesReturnedMoney(receive)).toBe(false);
});
