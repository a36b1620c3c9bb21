import { type Database, type Kysely, logGatewayApiCall } from '@antrean/db';
import type { OnlineGateway } from '@antrean/domain';
import { type BreakerState, type GatewayApiCall, type PaymentGateway, withBreaker } from '@antrean/payments';
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
/** For a permit. Two calls with their permits must end within the lease of a payment attempt, 45 s. */
const MAX_WAIT_MS = 8_000;

export interface RunningGateways {
  /** In the order of preference. */
  gateways: readonly PaymentGateway[];
  /** Refuses calls that wait for a permit. */
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
  const states = new Map<OnlineGateway, BreakerState>(
    [...config.gateways.keys()].map((name) => [name, 'closed']),
  );
  const report = () => {
    for (const [gateway, state] of states)
      reportGatewayHealth(redis, keyspace, gateway, state).catch(() => undefined);
  };
  const audit = async (apiCall: GatewayApiCall) => {
    await logGatewayApiCall(db, apiCall).catch((error: unknown) =>
      log.error({ err: error, operation: apiCall.operation }, 'an answer of a gateway was not recorded'),
    );
  };
  const onStateChange = ({ gateway, creating }: { gateway: OnlineGateway; creating: BreakerState }) => {
    states.set(gateway, creating);
    log.warn({ gateway, creating }, 'breaker');
    report();
  };
  // Apart, and impatient: with Redis away, calls are rationed within this process and wait for nothing.
  const rateLimitRedis = openRateLimitRedis(config.REDIS_URL);
  const rateLimiter = createGatewayRateLimiter({
    ...{ redis: rateLimitRedis, keyspace, maxWaitMs: MAX_WAIT_MS },
    limits: Object.fromEntries(
      [...config.gateways].map(([name, { callsPerMinute }]) => [
        name,
        { default: { callsPerMinute, burst: BURST } },
      ]),
    ),
  });
  const options = { timeoutMs: config.GATEWAY_TIMEOUT_MS, audit, rateLimiter };
  report();
  const timer = setInterval(report, REPORT_EVERY_MS);
  return {
    gateways: [...config.gateways.values()].map(({ open }) => withBreaker(open(options), { onStateChange })),
    stop() {
      clearInterval(timer);
      rateLimiter.close();
      rateLimitRedis.disconnect();
    },
  };
}
