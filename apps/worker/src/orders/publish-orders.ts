import { readOrders, type StoredOrder } from '@antrean/db';
import { orderStatusOf } from '@antrean/domain';
import type { StatusRecord } from '@antrean/redis';
import type { JobDependencies } from '../dependencies.ts';

export function recordOf(order: StoredOrder): StatusRecord {
  const { storefrontId, fingerprint, version } = order;
  return { status: orderStatusOf(order), storefrontId, fingerprint, version };
}

/** Publishes the present state of these orders in PostgreSQL to their status records. */
export async function publishOrders(
  { db, records }: Pick<JobDependencies, 'db' | 'records'>,
  orderIds: readonly string[],
): Promise<StoredOrder[]> {
  const orders = await readOrders(db, orderIds);
  await records.publish(orders.map(recordOf));
  return orders;
}
