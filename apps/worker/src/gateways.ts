import { type Database, type Kysely, logGatewayApiCall } from '@antrean/db';
import {
  type BreakerState,
  createMidtransGateway,
  createXenditGateway,
  type GatewayApiCall,
  type PaymentGateway,
  withBreaker,
} from '@antrean/payments';
import {
  createGatewayRateLimiter,
  type Keyspace,
  openRateLimitRedis,
  type Redis,
  reportGatewayHealth,
} from '@antrean/redis';
import type { Logger } from 'pino';
import type { WorkerConfig } from './config.ts';

/** A report counts for thirty seconds. */
const REPORT_EVERY_MS = 10_000;
/** Calls that may come at once after a quiet time. */
const BURST = 10;
/** For a turn. Two calls with their turns must end within the lease of a payment attempt, 45 s. */
const MAX_WAIT_MS = 8_000;

export interface RunningGateways {
  /** In the order of preference. */
  gateways: readonly PaymentGateway[];
  /** Sends away whoever waits for a turn. */
  stop: () => void;
}

/**
 * The gateways as the worker uses them: behind a breaker each, paced, with a record of every answer. Says to Redis
 * whether payments are created, as `GET /v1/payment-methods` shows it.
 */
export function openGateways(
  config: WorkerConfig,
  { db, redis, keyspace, log }: { db: Kysely<Database>; redis: Redis; keyspace: Keyspace; log: Logger },
): RunningGateways {
  const states = new Map<string, BreakerState>([
    ['midtrans', 'closed'],
    ['xendit', 'closed'],
  ]);
  const report = () => {
    for (const [gateway, state] of states)
      reportGatewayHealth(redis, keyspace, gateway, state).catch(() => undefined);
  };
  const audit = async (apiCall: GatewayApiCall) => {
    await logGatewayApiCall(db, apiCall).catch((error: unknown) =>
      log.error({ err: error, operation: apiCall.operation }, 'an answer of a gateway was not recorded'),
    );
  };
  const onStateChange = ({ gateway, creating }: { gateway: string; creating: BreakerState }) => {
    states.set(gateway, creating);
    log.warn({ gateway, creating }, 'breaker');
    report();
  };
  // Apart, and impatient: with Redis away, calls are rationed within this process and wait for nothing.
  const rateLimitRedis = openRateLimitRedis(config.REDIS_URL);
  const limit = (callsPerMinute: number) => ({ default: { callsPerMinute, burst: BURST } });
  const pace = createGatewayRateLimiter({
    ...{ redis: rateLimitRedis, keyspace, maxWaitMs: MAX_WAIT_MS },
    limits: {
      midtrans: limit(config.MIDTRANS_CALLS_PER_MINUTE),
      xendit: limit(config.XENDIT_CALLS_PER_MINUTE),
    },
  });
  const timeoutMs = config.GATEWAY_TIMEOUT_MS;
  const midtrans = createMidtransGateway({
    serverKey: config.MIDTRANS_SERVER_KEY,
    isProduction: config.MIDTRANS_PRODUCTION === 'true',
    ...{ timeoutMs, audit, pace },
    ...(config.MIDTRANS_BASE_URL === undefined ? {} : { baseUrl: config.MIDTRANS_BASE_URL }),
  });
  const xendit = createXenditGateway({
    secretKey: config.XENDIT_SECRET_KEY,
    ...{ timeoutMs, audit, pace },
    ...(config.XENDIT_BASE_URL === undefined ? {} : { baseUrl: config.XENDIT_BASE_URL }),
  });
  report();
  const timer = setInterval(report, REPORT_EVERY_MS);
  return {
    gateways: [withBreaker(midtrans, { onStateChange }), withBreaker(xendit, { onStateChange })],
    stop() {
      clearInterval(timer);
      pace.close();
      rateLimitRedis.disconnect();
    },
  };
}
