import { expect, it } from 'vitest';
import { orderStatusOf, type OrderView } from './order-status.ts';

const LINK: OrderView['payment'] & object = {
  ...{ attemptId: 'o-1', isPaid: false, gateway: 'midtrans', url: 'https://pay.example/1' },
  ...{ expiresAt: '2030-01-01T00:30:00Z', transfer: null },
};
const TRANSFER: OrderView['payment'] = {
  ...{ ...LINK, gateway: 'bank_transfer', url: null },
  transfer: { bank: 'BCA', accountNumber: '1', accountHolder: 'Toko', amount: 50_123, hasProof: false },
};
const view = (change: Partial<OrderView>): OrderView => ({
  ...{ orderId: 'o', state: 'awaiting_payment', reason: null, totalRupiah: 50_000, items: [] },
  ...{
    updatedAt: new Date(),
    paymentMethod: 'online',
    offeredMethods: null,
    payBefore: new Date(),
    payment: LINK,
  },
  ...{ isBeingChecked: false, isPaymentRefused: false, shipment: null },
  ...change,
});
const payment = (change: Partial<OrderView>) => orderStatusOf(view(change)).payment;

it('a payment that is being checked shows no link and no other method', () => {
  expect(payment({})).toMatchObject({ state: 'payable', url: LINK.url, alternatives: ['bank_transfer'] });
  const checking = { state: 'checking', method: 'online' };
  expect(payment({ isBeingChecked: true })).toEqual(checking);
  // The link was used up by a payment of another amount, or is not made yet.
  expect(payment({ isBeingChecked: true, payment: null })).toEqual(checking);
  expect(payment({ isBeingChecked: true, payment: null, state: 'reserved' })).toEqual(checking);
});

it('an account and amount stay shown, and so does a payment that has arrived', () => {
  expect(payment({ isBeingChecked: true, payment: TRANSFER, paymentMethod: 'bank_transfer' })).toMatchObject({
    ...{ state: 'payable', transfer: { amount: 50_123 } },
  });
  const arrived = { ...LINK, isPaid: true };
  expect(payment({ isBeingChecked: true, payment: arrived, state: 'paid' })).toMatchObject({ state: 'paid' });
  expect(payment({ isBeingChecked: true, payment: null, state: 'expired' })).toBeUndefined();
});

it('a payment that every gateway declined says so, and offers the other method until it is chosen', () => {
  const refused = { isPaymentRefused: true, payment: null, state: 'reserved' } as const;
  expect(payment(refused)).toMatchObject({
    state: 'refused',
    method: 'online',
    alternatives: ['bank_transfer'],
  });
  expect(payment({ ...refused, isPaymentRefused: false })).toMatchObject({ state: 'pending' });
  expect(payment({ ...refused, paymentMethod: 'bank_transfer' })).toMatchObject({ state: 'pending' });
  expect(payment({ ...refused, payment: TRANSFER, state: 'awaiting_payment' })).toMatchObject({
    state: 'payable',
  });
});
