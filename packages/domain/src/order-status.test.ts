import { expect, it } from 'vitest';
import { orderStatusOf, type OrderView } from './order-status.ts';

const LINK: OrderView['payment'] & object = {
  ...{ attemptId: 'o-1', isPaid: false, gateway: 'midtrans', url: 'https://pay.example/1' },
  ...{ expiresAt: '2030-01-01T00:30:00Z', transfer: null },
};
const TRANSFER = {
  ...{ ...LINK, gateway: 'bank_transfer', url: null },
  transfer: {
    bank: 'BCA',
    accountNumber: '1',
    accountHolder: 'Toko',
    amount: 50_123,
    keptRupiah: 0,
    hasProof: false,
  },
} satisfies OrderView['payment'];
const view = (change: Partial<OrderView>): OrderView => ({
  ...{ orderId: 'o', state: 'awaiting_payment', reason: null, totalRupiah: 50_000, items: [] },
  ...{
    updatedAt: new Date(),
    paymentMethod: 'online',
    offeredMethods: null,
    payBefore: new Date(),
    payment: LINK,
  },
  ...{ receivedRupiah: null, refunds: [] },
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

it('shows no instrument of an order that has ended, and only the transfer of one that is closing', () => {
  for (const state of ['expired', 'cancelled', 'payment_hold', 'paid'] as const)
    for (const open of [LINK, TRANSFER]) expect(payment({ state, payment: open })).toBeUndefined();
  expect(payment({ state: 'closing', payment: LINK })).toBeUndefined();
  // A proof of it may still come.
  expect(payment({ state: 'closing', payment: TRANSFER })).toMatchObject({ state: 'payable' });
});

it('asks for the rest of a transfer, and for nothing more when what came is the price', () => {
  const after = (keptRupiah: number, change: Partial<OrderView> = {}) =>
    payment({
      ...{ isBeingChecked: true, paymentMethod: 'bank_transfer', ...change },
      payment: { ...TRANSFER, transfer: { ...TRANSFER.transfer, keptRupiah } },
    });
  expect(after(20_000)).toMatchObject({ state: 'payable', transfer: { amount: 30_123, accountNumber: '1' } });
  expect(after(20_000)).not.toHaveProperty('alternatives');
  expect(JSON.stringify(after(20_000))).not.toContain('kept');
  // Only its last digits are missing.
  expect(after(50_000)).toEqual({ state: 'checking', method: 'bank_transfer' });
  // Its exception is resolved: another payment is made.
  expect(after(20_000, { isBeingChecked: false })).toBeUndefined();
  expect(after(20_000, { isBeingChecked: false, state: 'reserved' })).toMatchObject({ state: 'pending' });
  expect(after(20_000, { state: 'closing' })).toBeUndefined();
  const paid = { ...TRANSFER, isPaid: true, transfer: { ...TRANSFER.transfer, keptRupiah: 50_123 } };
  expect(payment({ payment: paid, state: 'paid' })).toMatchObject({ transfer: { amount: 50_123 } });
});

it('says what came and what went back, and which refunds are under way in one state for each way', () => {
  const money = (change: Partial<OrderView>) => orderStatusOf(view(change)).money;
  expect(money({})).toBeUndefined();
  // A bank took all of it back.
  expect(money({ receivedRupiah: 0 })).toEqual({ received: 0, refunded: 0, refunds: [] });
  const states = [
    'succeeded',
    'requested',
    'sent',
    'pending',
    'unknown',
    'manual_refund',
    'succeeded',
  ] as const;
  const refunds = states.map((state, index) => ({ amountRupiah: 1_000 + index, state }));
  expect(money({ receivedRupiah: 50_000, refunds })).toEqual({
    ...{ received: 50_000, refunded: 2_006 },
    refunds: [
      ...[1_001, 1_002, 1_003, 1_004].map((amount) => ({ amount, state: 'on_its_way' })),
      { amount: 1_005, state: 'scheduled' },
    ],
  });
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
