import { describe, expect, it } from 'vitest';
import { answerOf, decide, order, pathOf, soldOrder, stockOf } from '../../tests/aggregate.ts';
import { ORDER_STATES } from '../order-lifecycle.ts';
import type { OrderAggregate } from './state.ts';

const ship = (aggregate: OrderAggregate) =>
  decide(aggregate, { kind: 'ship', orderId: 'o', carrier: 'JNE', trackingNumber: 'T-1', actor: 'shop' });

describe('shipping', () => {
  it('ships a paid order: its units leave the shelf', () => {
    const decision = ship(soldOrder('paid'));
    expect(decision.outcome).toBe('shipped');
    expect(pathOf(decision)).toEqual(['paid -> shipped']);
    expect(stockOf(decision)).toEqual(['ship 2 of 1']);
    expect(decision.effects.shipments).toEqual([
      { orderId: 'o', carrier: 'JNE', trackingNumber: 'T-1', shippedBy: 'shop' },
    ]);
  });

  it('changes nothing for a shipped order: the first tracking number stays', () => {
    expect(answerOf(ship(soldOrder('shipped')))).toEqual({ outcome: 'shipped', effects: {} });
  });

  it.each(ORDER_STATES.filter((state) => state !== 'paid' && state !== 'shipped'))(
    'refuses an order that is %s',
    (state) => {
      expect(answerOf(ship(order(state)))).toEqual({ outcome: 'not_paid', effects: {} });
    },
  );
});
