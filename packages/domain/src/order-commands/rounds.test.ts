import { expect, it } from 'vitest';
import type { OrderCommand } from './commands.ts';
import { isAboutReturns, roundsOf } from './rounds.ts';

const ship = (orderId: string): OrderCommand => ({
  ...{ kind: 'ship', orderId, carrier: 'JNE', trackingNumber: '1', actor: 'shop' },
});
const voided = (orderId: string): OrderCommand => ({ kind: 'void', orderId, actor: 'admin', reason: 'gone' });
const receive: OrderCommand = {
  ...{ kind: 'receive', sku: 'KOPI', quantity: 1, reference: 'DO-1', actor: 'admin', reason: 'delivery' },
};

it('takes all of a batch in one round while nothing of it is about returns', () => {
  expect(roundsOf([ship('a'), ship('b'), ship('a'), receive])).toEqual([[0, 1, 2, 3]]);
  expect(roundsOf([])).toEqual([[]]);
});

it('gives a command about returns a round apart from others of its order, and only of its order', () => {
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

it('knows what is about returns', () => {
  expect(isAboutReturns(voided('a'))).toBe(true);
  expect(isAboutReturns(ship('a'))).toBe(false);
  expect(isAboutReturns(receive)).toBe(false);
});
