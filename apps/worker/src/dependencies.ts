import { type Database, type Kysely, readOrders, type StoredOrder, type TransferAccount } from '@antrean/db';
import { orderStatusOf } from '@antrean/domain';
import type { PaymentGateway } from '@antrean/payments';
import type { Producer } from '@antrean/queue';
import type { StatusRecord, StatusRecords } from '@antrean/redis';
import type { Logger } from 'pino';
import type { OrderCommands } from './order-commands.ts';
import type { AvailabilityPublisher } from './availability-publisher.ts';

/** What job handlers work with. */
export interface JobDependencies {
  db: Kysely<Database>;
  records: Pick<StatusRecords, 'publish'>;
  stock: Pick<AvailabilityPublisher, 'touch'>;
  producer: Pick<Producer, 'add' | 'addAll'>;
  /** In the order of preference. */
  gateways: readonly PaymentGateway[];
  /** Where customers transfer money to, in the order of preference. */
  transferAccounts: readonly TransferAccount[];
  orderCommands: OrderCommands;
  now: () => Date;
  log: Logger;
}

export function recordOf(order: StoredOrder): StatusRecord {
  const { storefrontId, fingerprint, version } = order;
  return { status: orderStatusOf(order), storefrontId, fingerprint, version };
}

/** Shows pollers what PostgreSQL says of these orders now. */
export async function publishOrders(
  { db, records }: Pick<JobDependencies, 'db' | 'records'>,
  orderIds: readonly string[],
): Promise<StoredOrder[]> {
  const orders = await readOrders(db, orderIds);
  await records.publish(orders.map(recordOf));
  return orders;
}
