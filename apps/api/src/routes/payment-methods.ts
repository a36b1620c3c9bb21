import { ONLINE_GATEWAYS, ONLINE_METHODS } from '@antrean/domain';
import { noQuery } from '@antrean/http';
import { hasOneOf } from '@antrean/payments';
import { type BreakerState, readGatewayHealth } from '@antrean/redis';
import { z } from 'zod';
import { headersNamed } from '../answer-headers.ts';
import { callRedis, keyOf } from '../caller.ts';
import type { ApiRouter } from '../api-routes.ts';
import type { ApiDependencies } from '../dependencies.ts';

/**
 * With more jobs than this, a payment link takes more than about half a minute, at 10 calls a second to one gateway.
 */
const LONG_QUEUE = 300;
/** A breaker opens and closes within seconds. */
const MAX_AGE_SECONDS = 5;

/** unknown: no worker has reported recently, as before the first payment. It counts as working. */
type GatewayState = BreakerState | 'unknown';
/** delayed: the customer can choose the method, and the link comes later. */
type MethodState = 'available' | 'delayed' | 'unavailable';

const answer = z
  .object({
    // Not a tuple: validators of OpenAPI 3.1 that do not know prefixItems refuse its members.
    methods: z.array(
      z.discriminatedUnion('method', [
        z.object({
          method: z.literal('online'),
          available: z.boolean(),
          state: z
            .enum(['available', 'delayed', 'unavailable'])
            .describe('delayed: the customer can choose it, and the payment link comes later.'),
          gateways: z.array(
            z.object({
              name: z.enum(ONLINE_GATEWAYS),
              state: z.enum(['closed', 'open', 'half_open', 'unknown']),
            }),
          ),
          onlineMethods: z
            .array(z.enum(ONLINE_METHODS))
            .exactOptional()
            .describe(
              "The ways to pay on the gateway's page that the storefront has chosen; absent if it has chosen none.",
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
    description: 'The payment methods. Clients may cache the answer for 5 s.',
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

/**
 * The payment methods that the storefront of the key offers, and what is available now. Reads only Redis: `temporarily_unavailable` while it is
 * unreachable.
 */
export function paymentMethodsRoute(app: ApiRouter, deps: ApiDependencies): void {
  const config = { access: { scope: 'any' }, closedBy: ['maintenance'] } as const;
  const schema = {
    operationId: 'listPaymentMethods',
    summary: 'List the payment methods of the storefront, and what is available now',
    tags: ['payments'],
    querystring: noQuery,
    response: { 200: answer },
  };
  app.get('/v1/payment-methods', { config, schema }, async (request, reply) => {
    const [health, waiting] = await callRedis(request, () =>
      Promise.all([
        readGatewayHealth(deps.redis, deps.keyspace, ONLINE_GATEWAYS),
        deps.producer.waitingCount('payments'),
      ]),
    );
    const { paymentMethods, onlineMethods } = deps.settings.settingsOf(keyOf(request).storefrontId);
    const gateways = ONLINE_GATEWAYS.map(
      (name, index) => ({ name, state: health[index] ?? 'unknown' }) as const,
    ).filter(({ name }) => hasOneOf(name, onlineMethods));
    const state = onlineState(
      gateways.map((gateway) => gateway.state),
      waiting,
    );
    return reply.header('cache-control', `private, max-age=${MAX_AGE_SECONDS}`).send({
      methods: paymentMethods.map((method) =>
        method === 'online'
          ? {
              ...{ method, available: state !== 'unavailable', state, gateways },
              ...(onlineMethods === null ? {} : { onlineMethods }),
            }
          : { method, available: true, state: 'available' },
      ),
      ...deps.settings.noticeField,
    });
  });
}

function onlineState(gateways: readonly GatewayState[], waiting: number): MethodState {
  if (gateways.every((state) => state === 'open')) return 'unavailable';
  const isOneWorking = gateways.some((state) => state === 'closed' || state === 'unknown');
  return isOneWorking && waiting <= LONG_QUEUE ? 'available' : 'delayed';
}
