// The customer's fee, captured cards and hours without refunds: the simulator's answers, read by the adapter on the SDK.
import { createMidtransGateway } from '@antrean/payments';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Json, type OpenSimulator, openSimulator, serverKey } from './support.ts';

let sim: OpenSimulator;
beforeAll(async () => {
  sim = await openSimulator();
});
afterAll(() => sim.close());
afterEach(() =>
  sim.control('switches', {
    ...{ midtransCustomerFeeRupiah: null, midtransCustomerFeeOptional: true },
    ...{ midtransCustomerFeeInfo: 'metadata', midtransShopeepayHours: true },
  }),
);
const gateway = (now?: () => Date) =>
  createMidtransGateway({
    ...{ serverKey, isProduction: false, baseUrl: sim.base, timeoutMs: 10_000 },
    ...(now === undefined ? {} : { now }),
  });
/** A payment through the adapter, and its reference. */
async function paid(attemptId: string, method: string) {
  const g = gateway();
  const made = await g.create({
    ...{ attemptId, amountRupiah: 150_000, expiresAt: new Date(Date.now() + 900_000) },
    ...{ customer: { name: 'Budi', email: 'budi@example.test', phone: '0812' }, description: 'Pesanan' },
  });
  if (made.kind !== 'active') throw new Error(JSON.stringify(made));
  await sim.control('pay', { orderId: attemptId, method });
  const status = await g.status({ attemptId });
  if (status.kind !== 'paid') throw new Error(JSON.stringify(status));
  const { amountRupiah, transactionId } = status;
  const asked = { attemptId, transactionId, amountRupiah, paidRupiah: amountRupiah, reason: 'rusak' };
  return { g, status, asked };
}
const returned = async (orderId: string) =>
  (await sim.show<{ orderId: string; returned: Json[] }[]>('ledger')).find((o) => o.orderId === orderId)
    ?.returned;

describe('an account that charges customers its fee', () => {
  it('charges none on our pages, as their create call switches it off', async () => {
    await sim.control('switches', { midtransCustomerFeeRupiah: 71 });
    const { status } = await paid('fee-1', 'qris');
    expect(status).toMatchObject({ amountRupiah: 150_000 });
    await sim.page('fee-2');
    await sim.control('choose', { orderId: 'fee-2' });
    expect(await sim.status('fee-2')).toMatchObject({ gross_amount: '150071.00' });
  });

  it.each(['metadata', 'extra_info'] as const)(
    'says so in %s when it cannot be switched off',
    async (where) => {
      await sim.control('switches', {
        ...{ midtransCustomerFeeRupiah: 71, midtransCustomerFeeOptional: false },
        midtransCustomerFeeInfo: where,
      });
      const id = `fee-${where}`.replace('_', '-');
      const { g, status, asked } = await paid(id, 'qris');
      expect(status).toMatchObject({ amountRupiah: 150_071, customerFeeRupiah: 71 });
      const hook = await sim.hookWhere(
        ({ body }) => body.order_id === id && body.transaction_status === 'settlement',
      );
      expect(hook.body).toMatchObject({ gross_amount: '150071.00' });
      expect(JSON.stringify(hook.body)).toContain('"customer_imposed_payment_fee":"71"');
      // All of it can go back.
      expect(await g.refund({ ...asked, refundId: `rf-${id}` })).toMatchObject({ kind: 'pending' });
    },
  );

  it('is not understood when it explains nothing', async () => {
    await sim.control('switches', {
      ...{ midtransCustomerFeeRupiah: 71, midtransCustomerFeeOptional: false },
      midtransCustomerFeeInfo: 'absent',
    });
    const { status } = await paid('fee-3', 'qris');
    expect(status).toMatchObject({ amountRupiah: 150_071 });
    expect(status).not.toHaveProperty('customerFeeRupiah');
  });
});

describe('a captured card', () => {
  it('is voided by a refund of all of it, asked for once or twice', async () => {
    const { g, asked } = await paid('card-1', 'credit_card');
    const refund = { ...asked, refundId: 'rf-card-1' };
    for (let i = 0; i < 2; i += 1) expect(await g.refund(refund)).toMatchObject({ kind: 'succeeded' });
    expect(await g.refundStatus(refund)).toMatchObject({ kind: 'succeeded' });
    expect(await returned('card-1')).toMatchObject([{ kind: 'void', amountRupiah: 150_000 }]);
    expect(await g.status(asked)).toMatchObject({ kind: 'closed', voidedRupiah: 150_000 });
  });

  it('is refunded in part once it is settled', async () => {
    const { g, asked } = await paid('card-2', 'credit_card');
    const part = { ...asked, refundId: 'rf-card-2', amountRupiah: 50_000 };
    expect(await g.refund(part)).toMatchObject({ kind: 'not_sent', code: 'not_settled' });
    await sim.control('settle', { orderId: 'card-2' });
    expect(await g.refund(part)).toMatchObject({ kind: 'pending' });
  });
});

describe('ShopeePay', () => {
  it('is refunded by day alone', async () => {
    const { asked } = await paid('night-1', 'shopeepay');
    const refund = { ...asked, refundId: 'rf-night-1' };
    const night = () => new Date('2030-01-01T02:00:00+07:00');
    expect(await gateway(night).refund(refund)).toMatchObject({ kind: 'not_sent', code: 'refund_hours' });
    await sim.control('switches', { midtransShopeepayHours: false });
    const day = () => new Date('2030-01-01T12:00:00+07:00');
    expect(await gateway(day).refund(refund)).toMatchObject({ kind: 'pending' });
  });
});
