import { createHash, randomUUID } from 'node:crypto';
import type { AcceptedOrder } from '@antrean/queue';

export const skuOf = (product: number): string => `SKU-${product}`;

export const ADDRESS = {
  ...{ recipient: 'Siti Rahmawati', street: 'Jalan Kebon Jeruk Raya No. 12, RT 04 RW 07' },
  ...{ district: 'Kebon Jeruk', city: 'Jakarta Barat', province: 'DKI Jakarta', postalCode: '11530' },
};

/** The n-th order of a run, by a different buyer each. `fees`: the number of different totals in the run. */
export function orderOf(
  run: string,
  n: number,
  o: { paymentMethod?: 'online' | 'bank_transfer'; products?: number; fees?: number } = {},
): AcceptedOrder {
  const { paymentMethod = 'online', products = 1, fees = 1 } = o;
  const digest = createHash('sha256').update(`${run} ${n}`).digest('hex');
  const phone = `+62812${digest.replaceAll(/\D/g, '').padEnd(8, '0').slice(0, 8)}`;
  return {
    orderId: digest.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-8$3-8$4-$5'),
    ...{ storefrontId: 'bench', idempotencyKey: randomUUID(), requestId: randomUUID() },
    fingerprint: createHash('sha256').update(digest).digest('base64url'),
    acceptedAtMs: Date.now(),
    customer: { name: 'Siti Rahmawati', email: `siti.rahmawati${n}@example.test`, phone },
    items: [{ sku: skuOf(n % products), quantity: 1 }],
    paymentMethod,
    shippingFeeRupiah: 18_000 + 10_000 * (n % fees),
    shippingAddress: { ...ADDRESS, phone, village: 'Kebon Jeruk' },
  };
}

export const ordersOf = (
  run: string,
  count: number,
  o: Parameters<typeof orderOf>[2] = {},
): AcceptedOrder[] => Array.from({ length: count }, (_, n) => orderOf(run, n, o));
