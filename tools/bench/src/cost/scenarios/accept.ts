import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { OrderLoadReport } from '../../order-load.ts';
import { cpuPerOrder, memoryMb, rounded } from '../cpu.ts';
import { startMeasured } from '../measured-process.ts';
import { costBetween, openStores, snapshot } from '../stores.ts';
import { COMMON, NO_DATABASE, type Scenario, startApi } from './settings.ts';

const options = { ...COMMON, warm: 10, seconds: 5, rate: 100, connections: 64 };

const IDLE_SECONDS = 2;

/** From POST to 202 by the API alone: at full load, then at a rate. */
export const accept: Scenario<typeof options> = {
  options,
  async run({ checkout, environment, options: o }) {
    const stores = await openStores(checkout, environment);
    const api = await startApi(stores, {
      ...{ databaseUrl: NO_DATABASE, redisUrl: stores.redisUrl, execArgv: o.execArgv },
      env: { MAX_WAITING_ORDERS: '10000000', MAX_WAIT_MS: '840000' },
    });
    const pids = { api: api.pid };
    const rssIdle = memoryMb(api.pid);
    const send = async (seconds: number, rate: number | '') => {
      const args = [api.port, api.key, o.connections, seconds, rate, randomBytes(6).toString('hex')];
      const file = path.join(import.meta.dirname, '../../order-load.ts');
      const loader = await startMeasured(file, { args: args.map(String) });
      const start = await snapshot(stores, pids);
      loader.go();
      await delay(seconds * 1_000);
      const report = (await loader.stop()) as OrderLoadReport;
      const end = await snapshot(stores, pids);
      return {
        perSecond: Math.round(report.perSecond),
        ...{ p50: rounded(report.p50Ms, 1), p99: rounded(report.p99Ms, 1), statuses: report.statuses },
        ...costBetween(start, end, report.statuses[202] ?? 0, o.stats),
      };
    };
    await send(o.warm, '');
    const idle = await snapshot(stores, pids);
    await delay(IDLE_SECONDS * 1_000);
    const idleMsPerSecond = cpuPerOrder(idle.cpu, (await snapshot(stores, pids)).cpu, IDLE_SECONDS);
    const full = await send(o.seconds, '');
    const paced = await send(o.seconds * 2, o.rate);
    const rss = memoryMb(api.pid);
    await api.stop();
    stores.redis.disconnect();
    return { full, paced, idleMsPerSecond, rssIdle, rss };
  },
};
