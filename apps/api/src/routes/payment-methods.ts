import type { FastifyInstance } from 'fastify';
import type { GatewayName } from '@antrean/payments';
import { type BreakerState, readGatewayHealth } from '@antrean/queue';
import { askingRedis, authenticate } from '../authenticate.ts';
import type { ApiDependencies } from '../dependencies.ts';

const GATEWAYS = ['midtrans', 'xendit'] as const satisfies readonly GatewayName[];
/** More jobs than this mean about half a minute until a link is there, at the 10 a second that one gateway takes. */
const LONG_QUEUE = 300;
/** A breaker opens and closes within seconds. */
const MAX_AGE_SECONDS = 5;

/** unknown: no worker has reported lately, as before the first payment; nothing is known against it. */
type GatewayState = BreakerState | 'unknown';
/** delayed: it can be asked for, and the link comes later. */
type MethodState = 'available' | 'delayed' | 'unavailable';

/** How an order can be paid now, for any storefront key. Asks Redis only: `temporarily_unavailable` while it is away. */
export function paymentMethodsRoute(app: FastifyInstance, deps: ApiDependencies): void {
  app.get('/v1/payment-methods', async (request, reply) => {
    await authenticate(deps, request);
    const [health, waiting] = await askingRedis(request, () =>
      Promise.all([
        readGatewayHealth(deps.redis, deps.config.QUEUE_PREFIX, GATEWAYS),
        deps.producer.waitingCount('payments'),
      ]),
    );
    const gateways = GATEWAYS.map((name, index) => ({ name, state: health[index] ?? 'unknown' }) as const);
    const state = onlineState(
      gateways.map((gateway) => gateway.state),
      waiting,
    );
    return reply.header('cache-control', `private, max-age=${MAX_AGE_SECONDS}`).send({
      methods: [
        { method: 'online', available: state !== 'unavailable', state, gateways },
        { method: 'bank_transfer', available: true, state: 'available' },
      ],
    });
  });
}

function onlineState(gateways: readonly GatewayState[], waiting: number): MethodState {
  if (gateways.every((state) => state === 'open')) return 'unavailable';
  const isOneWorking = gateways.some((state) => state === 'closed' || state === 'unknown');
  return isOneWorking && waiting <= LONG_QUEUE ? 'available' : 'delayed';
}
