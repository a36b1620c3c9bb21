import type { Redis } from './connections.ts';
import type { Keyspace } from './keyspace.ts';

export type BreakerState = 'closed' | 'open' | 'half_open';

/** How long a report counts: a worker says so again well before. */
const REPORT_TTL_MS = 30_000;

/** Says whether payments are created at this gateway, as this worker sees it. */
export async function reportGatewayHealth(
  redis: Redis,
  keyspace: Keyspace,
  gateway: string,
  state: BreakerState,
): Promise<void> {
  await redis.set(keyspace.gatewayHealth(gateway), state, 'PX', REPORT_TTL_MS);
}

/** What workers have reported of these gateways lately; undefined where none has. */
export async function readGatewayHealth(
  redis: Redis,
  keyspace: Keyspace,
  gateways: readonly string[],
): Promise<(BreakerState | undefined)[]> {
  const found = await redis.mget(gateways.map((gateway) => keyspace.gatewayHealth(gateway)));
  return found.map((state) => (state === null ? undefined : (state as BreakerState)));
}
