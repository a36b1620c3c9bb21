import { ONLINE_GATEWAYS } from '@antrean/domain';
import { noQuery } from '@antrean/http';
import { type BreakerState, readGatewayHealth } from '@antrean/redis';
import { z } from 'zod';
import { headersNamed } from '../answer-headers.ts';
import { askingRedis } from '../caller.ts';
import type { ApiRouter } from '../api-routes.ts';
import type { ApiDependencies } from '../dependencies.ts';

/** More jobs than this mean about half a minute until a link is there, at the 10 a second that one gateway takes. */
const LONG_QUEUE = 300;
/** A breaker opens and closes within seconds. */
const MAX_AGE_SECONDS = 5;

/** unknown: no worker has reported lately, as before the first payment; nothing is known against it. */
type GatewayState = BreakerState | 'unknown';
/** delayed: it can be asked for, and the link comes later. */
type MethodState = 'available' | 'delayed' | 'unavailable';

const answer = z
  .object({
    // No tuple: validators of OpenAPI 3.1 that do not know prefixItems refuse every member of one.
    methods: z.array(
      z.discriminatedUnion('method', [
        z.object({
          method: z.literal('online'),
          available: z.boolean(),
          state: z
            .enum(['available', 'delayed', 'unavailable'])
            .describe('delayed: it can be chosen, and the payment link comes later.'),
          gateways: z.array(
            z.object({
              name: z.enum(ONLINE_GATEWAYS),
              state: z.enum(['closed', 'open', 'half_open', 'unknown']),
            }),
          ),
        }),
        z.object({
          method: z.literal('bank_transfer'),
          available: z.literal(true),
          state: z.literal('available'),
        }),
      ]),
    ),
  })
  .meta({
    description: 'The payment methods. May be cached for 5 s.',
    headers: headersNamed('cache-control'),
    examples: [
      {
        methods: [
          {
            method: 'online',
            available: true,
            state: 'available',
            gateways: ONLINE_GATEWAYS.map((name, index) => ({
              name,
              state: index === 0 ? 'closed' : 'unknown',
            })),
          },
          { method: 'bank_transfer', available: true, state: 'available' },
        ],
      },
    ],
  });

/** How an order can be paid now, for any storefront key. Asks Redis only: `temporarily_unavailable` while it is away. */
export function paymentMethodsRoute(app: ApiRouter, deps: ApiDependencies): void {
  const config = { access: { scope: 'any' }, closedBy: ['maintenance'] } as const;
  const schema = {
    operationId: 'listPaymentMethods',
    summary: 'List the payment methods available now',
    tags: ['payments'],
    querystring: noQuery,
    response: { 200: answer },
  };
  app.get('/v1/payment-methods', { config, schema }, async (request, reply) => {
    const [health, waiting] = await askingRedis(request, () =>
      Promise.all([
        readGatewayHealth(deps.redis, deps.keyspace, ONLINE_GATEWAYS),
        deps.producer.waitingCount('payments'),
      ]),
    );
    const gateways = ONLINE_GATEWAYS.map(
      (name, index) => ({ name, state: health[index] ?? 'unknown' }) as const,
    );
    const state = onlineState(
      gateways.map((gateway) => gateway.state),
      waiting,
    );
    return reply.header('cache-control', `private, max-age=${MAX_AGE_SECONDS}`).send({
      methods: [
        { method: 'online', available: state !== 'unavailable', state, gateways },
        { method: 'bank_transfer', available: true, state: 'available' },
      ],
      ...deps.settings.noticeField,
    });
  });
}

function onlineState(gateways: readonly GatewayState[], waiting: number): MethodState {
  if (gateways.every((state) => state === 'open')) return 'unavailable';
  const isOneWorking = gateways.some((state) => state === 'closed' || state === 'unknown');
  return isOneWorking && waiting <= LONG_QUEUE ? 'available' : 'delayed';
}
