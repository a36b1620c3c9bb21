// Builders of products, orders and keys for tests and benches. Each returns something valid, with the given differences.
import { randomUUID } from 'node:crypto';
import type { NewFlashSale, SeedProduct } from '@antrean/db';
import type { AcceptedOrder } from '@antrean/queue';
import { digestOfKey, SCOPES, type StorefrontKey } from '@antrean/redis';

const HOUR_MS = 3_600_000;

/** The origin of the pages that use publishable keys. */
export const ORIGIN = 'https://toko.test';

/** A different buyer for each number. */
export const aBuyer = (number: number) => ({
  name: 'Siti Rahayu',
  email: `buyer${number}@example.test`,
  phone: `0812${10_000_000 + number}`,
});

/** A storefront's request body for an order. */
export const anOrder = (sku = 'KOPI', quantity = 1) => ({
  customer: { name: 'Siti Rahayu', email: 'siti@example.test', phone: '+62 812 3456 7890' },
  items: [{ sku, quantity }],
  paymentMethod: 'online' as 'online' | 'bank_transfer',
});
export type OrderBody = ReturnType<typeof anOrder>;

/** An accepted order: the payload of `reserve-order`. */
export function anAcceptedOrder(differing: Partial<AcceptedOrder> = {}): AcceptedOrder {
  const orderId = randomUUID();
  return {
    ...{ orderId, storefrontId: 'toko', idempotencyKey: orderId, fingerprint: 'f', requestId: 'r' },
    ...{ acceptedAtMs: Date.now(), shippingFeeRupiah: 0 },
    ...anOrder(),
    ...differing,
  };
}

export const aProduct = (sku = 'KOPI', differing: Partial<SeedProduct> = {}): SeedProduct => ({
  ...{ sku, name: sku, description: '', priceRupiah: 50_000, onHand: 100 },
  ...differing,
});

/** A sale that began an hour ago and ends in an hour. */
export function aFlashSale(
  items: readonly (Partial<NewFlashSale['items'][number]> & { sku: string })[],
  differing: Partial<Omit<NewFlashSale, 'items'>> = {},
): NewFlashSale {
  return {
    name: 'Obral',
    startsAt: new Date(Date.now() - HOUR_MS),
    endsAt: new Date(Date.now() + HOUR_MS),
    items: items.map((item) => ({ salePriceRupiah: 30_000, quota: 10, limitPerBuyer: null, ...item })),
    createdBy: 'test',
    ...differing,
  };
}

/** A secret key with every scope, as Redis stores it: by the key's digest. */
export function aStorefrontKey(
  key: string,
  differing: Partial<StorefrontKey> = {},
): { digest: string; key: StorefrontKey } {
  return {
    digest: digestOfKey(key),
    key: {
      ...{
        keyId: 'key_test',
        storefrontId: 'toko',
        kind: 'secret',
        name: 'test',
        scopes: SCOPES,
        origins: [],
      },
      ...differing,
    },
  };
}

/** The fields of a publishable key. */
export const PUBLISHABLE = {
  ...{ kind: 'publishable', scopes: ['place'], origins: [ORIGIN] },
} as const satisfies Partial<StorefrontKey>;
