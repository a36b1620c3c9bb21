import { expect, it } from 'vitest';
import { attempt, HELD, NOW, order, PRICE } from '../../tests/aggregate.ts';
import type { OrderCommand } from './commands.ts';
import { decideOrderCommands } from './decide.ts';
import type { LoadedState, OrderAggregate } from './state.ts';

/** The loaded state of these orders; `left` units of KOPI are available. */
function loaded(orders: readonly OrderAggregate[], left = 0): LoadedState {
  const reserved = 2 * orders.length;
  return {
    orders: orders.map((one) => one.order),
    attempts: orders.flatMap(({ attempts }) => attempts),
    refunds: orders.flatMap(({ refunds }) => refunds),
    held: orders.map(({ order: { orderId } }) => ({
      ...HELD,
      orderId,
      flashSaleItemId: null,
      buyerKeys: [],
    })),
    stock: [{ productId: 1, sku: 'KOPI', onHand: reserved + left, reserved, committed: 0 }],
    ...{
      sold: [],
      exceptions: [],
      unresolved: [],
      transferLines: [],
      saleItems: [],
      allowances: [],
      knownGoodsReceipts: [],
    },
  };
}
const run = (state: LoadedState, commands: readonly OrderCommand[]) =>
  decideOrderCommands(state, commands, { now: NOW, refundByItself: true });
const closing = (orderId: string) => order('closing', { orderId, closingReason: 'cancelled' });
const expired = (orderId: string) =>
  order('expired', { orderId, attempts: [attempt({ id: `${orderId}-1`, orderId, state: 'closed' })] });
const close = (orderId: string): OrderCommand => ({ kind: 'close', orderId, closedAttemptId: undefined });
const pay = (orderId: string): OrderCommand => ({
  ...{ kind: 'pay', orderId, attemptId: `${orderId}-1`, actor: 'midtrans' },
  received: { amountRupiah: PRICE, currency: 'IDR', transactionId: orderId, mayReverse: false },
});

it('a late payment gets stock that another order of the round released, and only once', () => {
  const state = loaded([closing('a'), expired('b'), expired('c')]);
  const { outcomes, effects } = run(state, [close('a'), pay('b'), pay('c')]);
  expect(outcomes).toEqual(['closed', 'paid', 'paid_too_late']);
  expect(effects.stockMovements?.map(({ kind, orderId }) => `${kind} ${orderId}`)).toEqual([
    'release a',
    'reinstate b',
  ]);
  expect(run(state, [pay('b'), close('a')]).outcomes).toEqual(['paid_too_late', 'closed']);
});

it('a late payment gets goods received in the same round', () => {
  const receive: OrderCommand = {
    ...{
      kind: 'receive',
      sku: 'KOPI',
      quantity: 2,
      reference: 'DO-1',
      actor: 'admin',
      reason: 'goods receipt',
    },
  };
  expect(run(loaded([expired('b')]), [receive, receive, pay('b')]).outcomes).toEqual([
    'received',
    'known',
    'paid',
  ]);
});

it('each command is decided on the result of the earlier ones', () => {
  const ship: OrderCommand = {
    kind: 'ship',
    orderId: 'o',
    carrier: 'JNE',
    trackingNumber: '1',
    actor: 'shop',
  };
  const state = loaded([order('reserved', { attempts: [attempt()] })]);
  const { outcomes, effects } = run(state, [ship, pay('o'), ship, ship, pay('o')]);
  expect(outcomes).toEqual(['not_paid', 'paid', 'shipped', 'shipped', 'paid']);
  expect(effects.orderMoves?.map(({ version, to }) => `${version} ${to}`)).toEqual([
    '5 awaiting_payment',
    '6 paid',
    '7 shipped',
  ]);
  expect(effects.shipments).toHaveLength(1);
});

it('a command for an unknown order throws', () => {
  expect(() => run(loaded([closing('a')]), [close('a'), close('nowhere')])).toThrow(
    'Order nowhere is not in the database.',
  );
  expect(run(loaded([]), [])).toEqual({ outcomes: [], effects: {} });
});
