import { readFileSync, rmSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { anOrder } from '@antrean/testing';
import { repoRoot } from '@antrean/testing/services';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { launchShop, localDirectory } from './launch-shop.ts';

let local: string;
beforeAll(() => {
  local = localDirectory();
});
afterAll(() => rmSync(local, { recursive: true, force: true }));

const read = (file: string) => readFileSync(path.join(local, file), 'utf8');
const stores = () => [read('redis/redis.pid'), read('postgres/data/postmaster.pid').split('\n')[0]];
/** The number of starts of each app. */
const starts = () =>
  ['api', 'worker', 'admin'].map((name) => read(`logs/${name}.log`).split('"msg":"ready"').length - 1);
/** Saves the file without a change. */
const save = (file: string) => utimesSync(path.join(repoRoot, file), new Date(), new Date());

describe('npm run dev', () => {
  it('restarts every app that has loaded a changed file, and keeps the stores and their orders', async () => {
    const { launcher, storefront } = await launchShop(local, {}, '--watch');
    const { orderId } = await storefront.awaitingPayment(anOrder('KOPI-GAYO-250'));
    expect(starts()).toEqual([1, 1, 1]);
    const before = stores();

    save('apps/worker/src/main.ts');
    await vi.waitFor(() => expect(starts()).toEqual([1, 2, 1]), { timeout: 30_000, interval: 50 });
    save('packages/process/src/index.ts');
    await vi.waitFor(() => expect(starts()).toEqual([2, 3, 2]), { timeout: 30_000, interval: 50 });

    expect(stores()).toEqual(before);
    expect(await storefront.read(orderId)).toMatchObject({ status: 'awaiting_payment' });
    await storefront.awaitingPayment(anOrder('KOPI-GAYO-250'));
    // One log for all apps, for people to read.
    const output = stripVTControlCharacters(launcher.output());
    for (const name of ['api', 'worker', 'admin']) expect(output).toMatch(`INFO (${name}): ready`);
    await launcher.stop();
  }, 120_000);
});
