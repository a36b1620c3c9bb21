import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isDatabaseUnavailable, openDatabase } from '@antrean/db';
import { createMidtransGateway, createXenditGateway, withBreaker } from '@antrean/payments';
import {
  type AcceptedOrder,
  JOBS,
  createProducer,
  openFailFastRedis,
  RetryLaterError,
  startWorkers,
  StatusRecords,
  waitForRedis,
} from '@antrean/queue';
import type { Logger } from 'pino';
import { Coalescer } from './coalescer.ts';
import type { WorkerConfig } from './config.ts';
import { applyPaymentEvent, closePayment, createPayment } from './payment.ts';
import { rejectUnreservable, reserveBatch } from './reserve-order.ts';
import { startSweeper } from './sweeper.ts';

export interface RunningWorker {
  healthPort: number;
  stop(): Promise<void>;
}

export async function startWorker(config: WorkerConfig, log: Logger): Promise<RunningWorker> {
  const db = openDatabase({ url: config.DATABASE_URL, maxConnections: 10 });
  const redis = openFailFastRedis(config.REDIS_URL);
  await waitForRedis(redis, 10_000);
  const records = new StatusRecords(redis, config.QUEUE_PREFIX);
  const producer = createProducer(redis, config.QUEUE_PREFIX);
  const timeoutMs = config.GATEWAY_TIMEOUT_MS;
  const gateways = [
    withBreaker(
      createMidtransGateway({
        serverKey: config.MIDTRANS_SERVER_KEY,
        isProduction: config.MIDTRANS_PRODUCTION === 'true',
        timeoutMs,
        ...(config.MIDTRANS_BASE_URL === undefined ? {} : { baseUrl: config.MIDTRANS_BASE_URL }),
      }),
    ),
    withBreaker(
      createXenditGateway({
        secretKey: config.XENDIT_SECRET_KEY,
        timeoutMs,
        ...(config.XENDIT_BASE_URL === undefined ? {} : { baseUrl: config.XENDIT_BASE_URL }),
      }),
    ),
  ];
  const payments = { db, records, gateways, log };
  const reservations = new Coalescer<AcceptedOrder, void>({
    run: (batch) => reserveBatch({ db, records, producer }, batch),
    maxBatchSize: config.RESERVE_BATCH_SIZE,
    maxWaitMs: 3,
  });
  const workers = await startWorkers({
    redisUrl: config.REDIS_URL,
    prefix: config.QUEUE_PREFIX,
    concurrency: { orders: config.RESERVE_CONCURRENCY, payments: 20, 'payment-events': 20 },
    handlers: {
      'reserve-order': async (order, { attempt }) => {
        try {
          await whileDatabaseAnswers(() => reservations.submit(order));
        } catch (error) {
          if (error instanceof RetryLaterError) throw error;
          log.error(
            { err: error, orderId: order.orderId, requestId: order.requestId, attempt },
            'order cannot be reserved',
          );
          if (Date.now() - order.acceptedAtMs > ACCEPTANCE_DEADLINE_MS) {
            return rejectUnreservable({ db, records, producer }, order).catch((cause: unknown) => {
              throw new RetryLaterError(
                'The order could not be ended; it is tried again.',
                SLOW_RETRY_MS,
                cause,
              );
            });
          }
          if (attempt < JOBS['reserve-order'].attempts) throw error;
          throw new RetryLaterError(
            'The order could not be reserved; it is tried again slowly.',
            SLOW_RETRY_MS,
            error,
          );
        }
        log.debug({ orderId: order.orderId, requestId: order.requestId }, 'order handled');
      },
      'create-payment': (job) => whileDatabaseAnswers(() => createPayment(payments, job)),
      'close-payment': (job) => whileDatabaseAnswers(() => closePayment(payments, job)),
      'apply-payment-event': (event) => whileDatabaseAnswers(() => applyPaymentEvent(payments, event)),
    },
    onFailed: ({ error, ...failure }) =>
      log[failure.final ? 'error' : 'warn']({ ...failure, reason: error.message }, 'job failed'),
    onError: (error) => log.warn({ reason: error.message }, 'queue connection error'),
  });
  const sweeper = startSweeper(db, producer, log, config.SWEEP_INTERVAL_MS);
  const health = createServer((request, response) => {
    if (request.url === '/health/live') return void response.writeHead(200).end('ok');
    Promise.all([redis.ping(), db.selectNoFrom((eb) => eb.lit(1).as('one')).execute()]).then(
      () => response.writeHead(200).end('ready'),
      () => response.writeHead(503).end('not ready'),
    );
  });
  await new Promise<void>((resolve, reject) => {
    health.once('error', reject);
    health.listen(config.WORKER_HEALTH_PORT, config.WORKER_HEALTH_HOST, resolve);
  });
  log.info('worker started');
  let stopping: Promise<void> | undefined;
  const stop = async () => {
    health.close();
    await sweeper.stop();
    await workers.stop(config.SHUTDOWN_DEADLINE_MS);
    await producer.close();
    redis.disconnect();
    await db.destroy();
  };
  return {
    healthPort: (health.address() as AddressInfo).port,
    stop: () => (stopping ??= stop()),
  };
}

const DATABASE_PAUSE_MS = 1_000;
/** An order that cannot be reserved for this long ends as `rejected: internal_error`. */
const ACCEPTANCE_DEADLINE_MS = 15 * 60_000;
/** Between tries once the attempts of `reserve-order` are used up. */
const SLOW_RETRY_MS = 30_000;

/** PostgreSQL being away is no fault of the job: it waits, and burns no attempt. */
async function whileDatabaseAnswers(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isDatabaseUnavailable(error)) throw error;
    throw new RetryLaterError('PostgreSQL does not answer; the job waits.', DATABASE_PAUSE_MS, error);
  }
}
