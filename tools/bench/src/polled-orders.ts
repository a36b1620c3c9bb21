import { deriveOrderId } from '@antrean/api';
import { type Redis, type StatusRecord, StatusRecords } from '@antrean/redis';
import { keyspace } from './keyspace.ts';

const CHUNK = 500;
const SKU = 'SKU-0';
const STOREFRONT = 'bench';

/** The id of the order with this number, derived as by the API. */
export const polledOrderId = (number: number): string => deriveOrderId(STOREFRONT, `polled-${number}`);

type Status = StatusRecord['status'];
type Payment = NonNullable<Status['payment']>;

const ITEMS = [{ sku: SKU, quantity: 1, name: 'Kopi Gayo', unitPrice: 50_000 }];
const EXPIRES_AT = '2030-01-01T00:00:00.000Z';
const COMING: Payment = {
  state: 'pending',
  method: 'online',
  alternatives: ['bank_transfer'],
  expiresAt: EXPIRES_AT,
};
const ONLINE: Omit<Payment, 'state'> = {
  ...{ method: 'online', attemptId: 'b0000000-0000-8000-8000-000000000000-1', gateway: 'midtrans' },
  ...{ url: 'https://app.sandbox.midtrans.com/snap/v3/redirection/b0000000-0000-4000-8000-000000000000' },
  expiresAt: EXPIRES_AT,
};
const PAID: Payment = { state: 'paid', ...ONLINE };

/** The answer's fields in each state. */
const SHOWN: readonly Pick<Status, 'status' | 'reason' | 'payment' | 'shipment'>[] = [
  { status: 'queued' },
  { status: 'rejected', reason: 'out_of_stock' },
  { status: 'reserved', payment: COMING },
  { status: 'awaiting_payment', payment: { state: 'payable', ...ONLINE, alternatives: ['bank_transfer'] } },
  { status: 'closing' },
  { status: 'payment_hold', payment: PAID },
  { status: 'paid', payment: PAID },
  {
    ...{ status: 'shipped', payment: PAID },
    shipment: { carrier: 'JNE', trackingNumber: 'JP1234567890', shippedAt: EXPIRES_AT },
  },
  { status: 'expired' },
  { status: 'cancelled' },
  { status: 'refunded' },
];

/** Creates status records of this many orders, with all states in turns, as the API and the workers do. */
export async function fillStatusRecords(redis: Redis, orders: number): Promise<void> {
  const records = new StatusRecords(redis, keyspace);
  for (let from = 0; from < orders; from += CHUNK) {
    const chunk = Array.from({ length: Math.min(CHUNK, orders - from) }, (_, index) =>
      recordOf(from + index),
    );
    await Promise.all(
      chunk.map((record) =>
        records.admit({
          record: { ...record, status: queuedAs(record.status), version: 0 },
          items: [{ sku: SKU, quantity: 1 }],
          shippingFeeRupiah: 0,
          expectedTotalRupiah: undefined,
          acceptedAtMs: Date.now(),
          refusal: { before: undefined, after: undefined },
        }),
      ),
    );
    await records.publish(chunk.filter(({ version }) => version > 0));
  }
}

function recordOf(number: number): StatusRecord {
  const shown = SHOWN[number % SHOWN.length] ?? { status: 'queued' };
  const isPriced = shown.status !== 'queued' && shown.status !== 'rejected';
  return {
    status: {
      ...{ orderId: polledOrderId(number), items: ITEMS, updatedAt: new Date().toISOString() },
      ...(isPriced ? { total: 68_000 } : {}),
      ...shown,
    },
    storefrontId: STOREFRONT,
    fingerprint: 'f'.repeat(43),
    version: shown.status === 'queued' ? 0 : 3,
  };
}

const queuedAs = ({ orderId, updatedAt }: Status): Status => ({
  ...{ orderId, status: 'queued', items: [{ sku: SKU, quantity: 1 }], updatedAt },
});
