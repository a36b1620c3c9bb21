import type { Database, Kysely, TransferAccount } from '@antrean/db';
import type { PaymentGateway } from '@antrean/payments';
import type { Producer } from '@antrean/queue';
import type { StatusRecords } from '@antrean/redis';
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
