import { type Database, type Kysely, openDatabase, pingDatabase, type TransferAccount } from '@antrean/db';
import type { TransferPolicy } from '@antrean/domain';
import type { PaymentGateway } from '@antrean/payments';
import { createProducer, type Producer } from '@antrean/queue';
import {
  AvailabilitySnapshots,
  Keyspace,
  openWorkerRedis,
  type Redis,
  StatusRecords,
  waitForRedis,
} from '@antrean/redis';
import type { Logger } from 'pino';
import { type AvailabilityPublisher, startAvailabilityPublisher } from './availability-publisher.ts';
import { transferPolicyOf, type WorkerConfig } from './config.ts';
import { openGateways } from './gateways.ts';
import { batchOrderCommands, type OrderCommands } from './order-commands.ts';

/** The dependencies of job handlers. */
export interface JobDependencies {
  db: Kysely<Database>;
  records: Pick<StatusRecords, 'publish'>;
  stock: Pick<AvailabilityPublisher, 'touch'>;
  producer: Pick<Producer, 'add' | 'addAll'>;
  /** In the order of preference. */
  gateways: readonly PaymentGateway[];
  /** The shop's bank accounts for transfers, in the order of preference. */
  transferAccounts: readonly TransferAccount[];
  transferPolicy: TransferPolicy;
  /** Begins the ids of our payments at gateways. */
  gatewayIdPrefix: string;
  orderCommands: OrderCommands;
  now: () => Date;
  log: Logger;
}

/** Replacements for tests and benchmarks. */
export interface DependencyOverrides {
  gateways?: readonly PaymentGateway[];
  now?: () => Date;
}

export interface OpenDependencies {
  deps: JobDependencies;
  redis: Redis;
  keyspace: Keyspace;
  producer: Producer;
  /** Resolves when PostgreSQL answers. */
  pingDatabase: () => Promise<unknown>;
  /** Waits for commands and publications in progress, then closes the connections. */
  close(): Promise<void>;
}

/** Opens the connections of a worker process, and the dependencies that its jobs share. */
export async function openDependencies(
  config: WorkerConfig,
  log: Logger,
  overrides: DependencyOverrides = {},
): Promise<OpenDependencies> {
  const keyspace = new Keyspace(config.QUEUE_PREFIX);
  const db = openDatabase({ url: config.DATABASE_URL, maxConnections: 10 });
  const redis = openWorkerRedis(config.REDIS_URL);
  await waitForRedis(redis, 10_000);
  const { now = () => new Date() } = overrides;
  const records = new StatusRecords(redis, keyspace);
  const producer = createProducer(redis, keyspace);
  const { gateways, stop: stopGateways } =
    overrides.gateways === undefined
      ? openGateways(config, { db, redis, keyspace, log })
      : { gateways: overrides.gateways, stop: () => undefined };
  const availability = new AvailabilitySnapshots(redis, keyspace);
  const stock = startAvailabilityPublisher({ db, availability, now, log });
  const orderCommands = batchOrderCommands(db, {
    touch: (touched) => stock.touch(touched),
    maxBatchSize: config.ORDER_COMMAND_BATCH_SIZE,
    refundByItself: config.REFUND_BY_ITSELF,
    now,
  });
  const transferAccounts = config.BANK_ACCOUNTS;
  const transferPolicy = transferPolicyOf(config);
  const gatewayIdPrefix = config.GATEWAY_ID_PREFIX;
  return {
    deps: {
      db,
      records,
      stock,
      producer,
      gateways,
      transferAccounts,
      transferPolicy,
      gatewayIdPrefix,
      orderCommands,
      now,
      log,
    },
    ...{ redis, keyspace, producer },
    pingDatabase: () => pingDatabase(db),
    async close() {
      await orderCommands.close();
      await stock.stop();
      stopGateways();
      await producer.close();
      redis.disconnect();
      await db.destroy();
    },
  };
}
