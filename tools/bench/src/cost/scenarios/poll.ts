import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { cpuPerOrder, cpuSnapshot, rounded } from '../cpu.ts';
import { startMeasured } from '../measured-process.ts';
import { ordersOf } from '../orders.ts';
import { openStores } from '../stores.ts';
import { COMMON, NO_DATABASE, queueOrders, type Scenario, startApi } from './settings.ts';

const options = { ...COMMON, warm: 6, seconds: 4, rate: 500, orders: 5_000, connections: 128 };

interface PollReport {
  statuses: Record<number, number>;
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
}

/** Status reads by token of queued orders: at full load, then at a rate. */
export const poll: Scenario<typeof options> = {
  options,
  async run({ checkout, environment, options: o }) {
    const stores = await openStores(checkout, environment);
    const orders = ordersOf('poll', o.orders);
    const close = await queueOrders(stores, orders);
    const api = await startApi(stores, {
      ...{ databaseUrl: NO_DATABASE, redisUrl: stores.redisUrl, execArgv: o.execArgv },
      env: { READS_PER_TOKEN_PER_MINUTE: '100000' },
    });
    const folder = mkdtempSync(path.join(tmpdir(), 'antrean-cost-'));
    const file = path.join(folder, 'paths');
    const pathOf = (orderId: string) =>
      `/v1/orders/${orderId}?token=${checkout.statusToken(api.secret, orderId)}`;
    writeFileSync(file, orders.map(({ orderId }) => pathOf(orderId)).join('\n'));
    const pids = { api: api.pid, redis: environment.pids.redis(stores.redisUrl) };
    const send = async (seconds: number, rate: number | '') => {
      const args = [api.port, o.connections, seconds, rate, file].map(String);
      const loader = await startMeasured(path.join(import.meta.dirname, '../poll-load.ts'), { args });
      const start = cpuSnapshot(pids);
      loader.go();
      await delay(seconds * 1_000);
      const report = (await loader.stop()) as PollReport;
      return {
        perSecond: Math.round(report.perSecond),
        ...{ p50: rounded(report.p50Ms, 1), p99: rounded(report.p99Ms, 1), statuses: report.statuses },
        cpuMsPerRead: cpuPerOrder(start, cpuSnapshot(pids), report.statuses[200] ?? 0),
      };
    };
    await send(o.warm, '');
    const full = await send(o.seconds, '');
    const paced = await send(o.seconds, o.rate);
    await api.stop();
    await close();
    stores.redis.disconnect();
    rmSync(folder, { recursive: true });
    return { full, paced };
  },
};
