import { type Database, type Kysely, logGatewayApiCall } from '@antrean/db';
import type { OnlineGateway } from '@antrean/domain';
import {
  type BreakerState,
  type GatewayApiCall,
  type PaymentGateway,
  type SetUpChange,
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
import { reportedState } from './breaker-report.ts';
import type { WorkerConfig } from './config.ts';

/** The interval of reports. A report is valid for thirty seconds. */
const REPORT_EVERY_MS = 10_000;
/** Calls that may be made at once after an idle time. */
const BURST = 10;
/**
 * The longest wait for a permit. Two calls with their waits must end within the lease of a payment attempt, 45 s.
 */
const MAX_WAIT_MS = 8_000;

export interface RunningGateways {
  /** In the order of preference. */
  gateways: readonly PaymentGateway[];
  /** Rejects calls that wait for a permit. */
  stop: () => void;
}

/**
 * Opens the gateways: each with a circuit breaker, a rate limiter and a log of its answers. Reports the state of each
 * breaker to Redis for `GET /v1/payment-methods`.
 */
export function openGateways(
  config: WorkerConfig,
  { db, redis, keyspace, log }: { db: Kysely<Database>; redis: Redis; keyspace: Keyspace; log: Logger },
): RunningGateways {
  const states = new Map<OnlineGateway, { state: BreakerState; since: Date }>(
    [...config.gateways.keys()].map((name) => [name, { state: 'closed', since: new Date() }]),
  );
  const report = () => {
    for (const [gateway, breaker] of states)
      reportGatewayHealth(redis, keyspace, gateway, reportedState(breaker, new Date())).catch(
        () => undefined,
      );
  };
  const audit = async (apiCall: GatewayApiCall) => {
    await logGatewayApiCall(db, apiCall).catch((error: unknown) =>
      log.error({ err: error, operation: apiCall.operation }, 'an answer of a gateway could not be logged'),
    );
  };
  const onStateChange = ({ gateway, creating }: { gateway: OnlineGateway; creating: BreakerState }) => {
    states.set(gateway, { state: creating, since: new Date() });
    log.warn({ gateway, creating }, 'state of the circuit breaker changed');
    report();
  };
  const onSetUpChange = ({ gateway, call, code }: SetUpChange) => {
    if (code === null) log.warn({ gateway, call }, 'the gateway accepts our key and account again');
    else
      log.error(
        { gateway, call, code },
        "the gateway refuses our key, its permissions or our account; orders wait and go on by themselves: check the gateway's key in the settings of the workers, and its permissions in the gateway's dashboard",
      );
  };
  if (config.ignoredProxy.length > 0)
    log.warn(
      { variables: config.ignoredProxy },
      'the proxy of the environment is not used for calls to gateways: set NODE_USE_ENV_PROXY=1 to use it for all of them, or remove the variables',
    );
  // A connection of its own that fails fast: without Redis, each process limits its own calls and does not wait.
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
    gateways: [...config.gateways.values()].map(({ open }) =>
      withBreaker(open(options), { onStateChange, onSetUpChange }),
    ),
    stop() {
      clearInterval(timer);
      rateLimiter.close();
      rateLimitRedis.disconnect();
    },
  };
}
