import { queueKeys } from '@antrean/queue';
import { anOrder, aProduct } from '@antrean/testing';
import { describe, expect, it, vi } from 'vitest';
import { lockTable, openShop, workerProcess } from './shop.ts';

const WAIT = { timeout: 40_000, interval: 20 };

describe('a worker that is killed', () => {
  it('fails no order and uses up no attempt, even if it is the third in a row', async () => {
    const shop = await openShop({ products: [aProduct('HOT', { onHand: 1 })], workers: 0 });
    const { orderId } = await shop.place(anOrder('HOT'));
    const unlock = await lockTable(shop, 'stock');
    try {
      let worker = await shop.start('worker', workerProcess);
      for (const times of ['1', '2', '3']) {
        await vi.waitFor(
          async () => expect(await shop.reserveJob(orderId)).toMatchObject({ ats: times }),
          WAIT,
        );
        await worker.kill();
        if (times === '3') await shop.startWorker();
        else worker = await shop.start('worker', workerProcess);
        expect(Number((await shop.reserveJob(orderId)).atm ?? 0)).toBe(0);
      }
      await unlock();
      await shop.until(orderId, 'awaiting_payment', { timeoutMs: WAIT.timeout });
      // The job's only attempt is the successful one.
      await vi.waitFor(async () => {
        expect(await shop.reserveJob(orderId)).toMatchObject({ stc: '3', ats: '4', atm: '1' });
      }, WAIT);
      expect(await shop.redis.zcard(queueKeys(shop.keyspace, 'orders').failed)).toBe(0);
      expect(await shop.audit()).toMatchObject([{ onHand: 1, reserved: 1, ledgerReserved: 1 }]);
    } finally {
      await unlock();
      await shop.close();
    }
  }, 90_000);
});
