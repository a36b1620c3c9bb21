import type { Redis } from './connections.ts';
import type { Keyspace } from './keyspace.ts';

export type BreakerState = 'closed' | 'open' | 'half_open';

/** How long a report is valid; workers repeat it more often. */
const REPORT_TTL_MS = 30_000;

/** Reports whether this worker's breaker lets payments be created at the gateway. */
export async function reportGatewayHealth(
  redis: Redis,
  keyspace: Keyspace,
  gateway: string,
  state: BreakerState,
): Promise<void> {
  await redis.set(keyspace.gatewayHealth(gateway), state, 'PX', REPORT_TTL_MS);
}

/** The latest valid report on each gateway; undefined without one. */
export async function readGatewayHealth(
  redis: Redis,
  keyspace: Keyspace,
  gateways: readonly string[],
): Promise<(BreakerState | undefined)[]> {
  const found = await redis.mget(gateways.map((gateway) => keyspace.gatewayHealth(gateway)));
  return found.map((state) => (state === null ? undefined : (state as BreakerState)));
}
