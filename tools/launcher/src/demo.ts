// A flash sale on the running system, over HTTP as a storefront and its customers: 200 buyers, 50 units at the sale price.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { addProducts, auditFlashSales, auditStock, createFlashSale, openDatabase } from '@antrean/db';
import { type Instance, localDirectory, runningInstance } from './instance.ts';

const BUYERS = 200;
/** Units on the shelf; UNITS of them are in the sale. */
const STOCK = 80;
const UNITS = 50;
const SALE_PRICE_RUPIAH = 99_000;
/** The number of buyers with a reserved order who do not pay. */
const WALK_AWAY = 7;

interface Status {
  status: string;
  reason?: string;
  payment?: { gateway: string; url?: string };
}

async function until<T>(what: string, timeoutMs: number, look: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + timeoutMs;
  while (Date.now() < end) {
    const seen = await look();
    if (seen !== undefined) return seen;
    await sleep(100);
  }
  throw new Error(`${what} took longer than ${timeoutMs / 1000} s; the logs are in .local/logs.`);
}

async function main({ addresses }: Instance): Promise<void> {
  const { api, databaseUrl } = addresses;
  if (api === undefined || databaseUrl === undefined)
    throw new Error('The launcher has not published its addresses.');
  const key = readFileSync(path.join(localDirectory, 'demo-key'), 'utf8').trim();
  const db = openDatabase({ url: databaseUrl, maxConnections: 1 });
  try {
    const sku = `DEMO-${Date.now().toString(36).toUpperCase()}`;
    await addProducts(db, [
      { sku, name: 'Sepatu obral', description: 'Barang obral.', priceRupiah: 149_000, onHand: STOCK },
    ]);
    const sale = await createFlashSale(db, {
      name: `Demo ${sku}`,
      startsAt: new Date(),
      endsAt: new Date(Date.now() + 3_600_000),
      items: [{ sku, salePriceRupiah: SALE_PRICE_RUPIAH, quota: UNITS, limitPerBuyer: 1 }],
      createdBy: 'demo',
    });
    if (sale.kind !== 'created') throw new Error(`The sale was not created: ${sale.kind}.`);
    console.log(`${sku}: Rp ${SALE_PRICE_RUPIAH} in place of Rp 149000, ${UNITS} units, one for each buyer.`);
    const stock = async (when: string) => {
      const [row] = await auditStock(db, sku);
      if (row === undefined) throw new Error(`${sku} has no stock row.`);
      const sums = `${row.ledgerOnHand}/${row.ledgerReserved}/${row.ledgerCommitted}`;
      const counters = `${row.onHand}/${row.reserved}/${row.committed}`;
      console.log(`Stock ${when} (on hand/reserved/committed): ${counters}; ledger sums to ${sums}`);
      return { row, agrees: sums === counters };
    };
    await stock('before');

    console.log(`${BUYERS} buyers order one of ${UNITS} units …`);
    const startedAt = performance.now();
    const answered = await Promise.all(
      Array.from({ length: BUYERS }, async (_, buyer) => {
        const answer = await fetch(`${api}/v1/orders`, {
          method: 'POST',
          headers: {
            authorization: `Bearer ${key}`,
            'content-type': 'application/json',
            'idempotency-key': `demo-${randomBytes(8).toString('hex')}`,
          },
          body: JSON.stringify({
            customer: {
              name: `Pembeli ${buyer + 1}`,
              email: `pembeli${buyer + 1}@example.test`,
              phone: `0812 3456 ${`${buyer + 1}`.padStart(4, '0')}`,
            },
            items: [{ sku, quantity: 1 }],
            paymentMethod: 'online',
            expectedTotal: SALE_PRICE_RUPIAH,
          }),
        });
        const said = (await answer.json()) as { orderId: string; statusUrl: string; code?: string };
        // The sold-out gate refuses late orders.
        if (answer.status === 409 && said.code === 'sold_out') return undefined;
        if (answer.status !== 202)
          throw new Error(`An order was refused: ${answer.status} ${JSON.stringify(said)}`);
        return said;
      }),
    );
    const placed = answered.filter((each) => each !== undefined);
    const statuses = () =>
      Promise.all(placed.map(async ({ statusUrl }) => (await (await fetch(statusUrl)).json()) as Status));
    console.log(
      `${placed.length} accepted and ${BUYERS - placed.length} refused as sold out after ${(performance.now() - startedAt).toFixed(0)} ms.`,
    );
    const decided = await until('Reserving and creating payments', 60_000, async () => {
      const all = await statuses();
      return all.every(({ status }) => status !== 'queued' && status !== 'reserved') ? all : undefined;
    });
    console.log(`All orders are decided after ${(performance.now() - startedAt).toFixed(0)} ms.`);

    const payable = decided.flatMap(({ payment }) => (payment?.url === undefined ? [] : [payment.url]));
    const paying = payable.slice(0, Math.max(payable.length - WALK_AWAY, 0));
    console.log(`${paying.length} customers press Pay on the gateway's page …`);
    for (const url of paying) {
      const answer = await fetch(`${url}/pay`, { method: 'POST' });
      if (!answer.ok) throw new Error(`Paying at ${url} failed: ${answer.status}`);
    }
    const final = await until('Confirming the payments', 60_000, async () => {
      const all = await statuses();
      return all.filter(({ status }) => status === 'paid').length >= paying.length ? all : undefined;
    });
    const counts = new Map<string, number>();
    for (const { status, reason } of final) {
      const label = reason === undefined ? status : `${status}: ${reason}`;
      counts.set(label, (counts.get(label) ?? 0) + 1);
    }
    console.log('\nFinal states of the orders:');
    for (const [label, count] of [...counts].toSorted(([a], [b]) => a.localeCompare(b)))
      console.log(`  ${String(count).padStart(4)}  ${label}`);
    const { row, agrees } = await stock('after');
    const held = row.reserved + row.committed;
    const [item] = await auditFlashSales(db, `Demo ${sku}`);
    const atSalePrice = (item?.reserved ?? 0) + (item?.sold ?? 0);
    console.log(
      `${held} of ${BUYERS} hold a unit, ${atSalePrice} at the sale price; ${Math.max(held - UNITS, 0)} oversold; ` +
        `at most ${item?.mostByOneBuyer} for one buyer; ledger ${agrees ? 'agrees' : 'DISAGREES'}.`,
    );
    if (held !== UNITS || atSalePrice !== UNITS || !agrees) process.exitCode = 1;
  } finally {
    await db.destroy();
  }
}

const running = runningInstance();
if (running?.addresses.api !== undefined) {
  await main(running);
} else {
  const launcher = spawn(process.execPath, [path.join(import.meta.dirname, 'start.ts')], {
    stdio: 'inherit',
  });
  const stop = () => launcher.kill('SIGTERM');
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  process.on('disconnect', stop);
  const ended = new Promise<void>((resolve) => launcher.once('exit', () => resolve()));
  try {
    const instance = await until('Starting Antrean', 300_000, async () => {
      if (launcher.exitCode !== null) throw new Error('Antrean did not start; see above.');
      const found = runningInstance();
      return found?.addresses.api === undefined ? undefined : found;
    });
    await main(instance);
  } finally {
    stop();
    await ended;
  }
}
process.disconnect?.();
