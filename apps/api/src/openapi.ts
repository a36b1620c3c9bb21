import { type ApiAbout, describeApi as describe } from '@antrean/http';
import { GATEWAYS } from '@antrean/payments';
import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify';
import about from '../package.json' with { type: 'json' };
import { RATE_LIMIT_HEADERS } from './answer-headers.ts';
import { type ApiRuleTypes, DOCUMENTATION_PAGE, rulesOf } from './api-routes.ts';
import type { ApiConfig } from './config.ts';
import { ANY_ORIGIN } from './cors.ts';
import { acceptsPublishableKeys, problemAnswersOf } from './problem-answers.ts';
import { acceptLanguage } from './schemas.ts';

/** Describes the routes registered after this call, as an OpenAPI document and a documentation page, both public. */
export async function describeApi(
  app: FastifyInstance,
  { PUBLIC_URL }: Pick<ApiConfig, 'PUBLIC_URL'>,
): Promise<void> {
  await describe<ApiRuleTypes>(app, {
    documentPath: '/openapi.json',
    pagePath: DOCUMENTATION_PAGE,
    config: { access: 'public', cors: ANY_ORIGIN },
    about: { ...ABOUT, servers: [{ url: new URL(PUBLIC_URL).href.replace(/\/$/, '') }] },
    // Every route may answer a problem with a `message`.
    headers: acceptLanguage,
    complete: withAnswers,
  });
}

const ABOUT: ApiAbout = {
  info: {
    title: 'Antrean HTTP API',
    version: about.version,
    license: { name: about.license, identifier: about.license },
    description:
      'Orders go into a queue and are answered at once; follow them by `statusUrl` or `eventsUrl`. JSON in, JSON out; ' +
      'money is integer rupiah, times are ISO 8601 in UTC. Errors are problem documents (RFC 9457) with a stable `code`.',
  },
  tags: [
    { name: 'catalogue', description: 'Products, prices and availability. Public; a CDN may cache it.' },
    { name: 'orders', description: 'Place orders, read them and follow them.' },
    { name: 'payments', description: 'Payment methods, and changing the one of an order.' },
    { name: 'fulfilment', description: 'Shipping paid orders.' },
    {
      name: 'webhooks',
      description:
        'For payment gateways. An event that cannot be stored is answered 503, so that the gateway delivers it again.',
    },
    { name: 'service', description: 'Health, and this document.' },
  ],
  components: {
    securitySchemes: {
      secretKey: {
        type: 'http',
        scheme: 'bearer',
        description: "A storefront's secret key (`sk_…`), for its server. Its scopes limit what it may do.",
      },
      publishableKey: {
        type: 'http',
        scheme: 'bearer',
        description:
          "A storefront's publishable key (`pk_…`), for pages of its own origins. It places orders and reads the payment methods.",
      },
      statusToken: {
        type: 'apiKey',
        in: 'query',
        name: 'token',
        description:
          'The token of one order, from its `statusUrl`: a client with it may read, cancel and pay that order.',
      },
      ...webhookSecurity(),
    },
  },
};

/** The security schemes of the gateways' webhooks. */
function webhookSecurity() {
  return Object.fromEntries(
    Object.values(GATEWAYS).flatMap(({ webhooks }) => Object.entries(webhooks?.document.security ?? {})),
  );
}

/** Adds who may call the route, the problems that it may answer, and rate limit headers. */
function withAnswers(schema: FastifySchema, route: RouteOptions): FastifySchema {
  const { access } = rulesOf(route);
  const security =
    access === 'public'
      ? undefined
      : [
          { secretKey: [] },
          ...(acceptsPublishableKeys(access) ? [{ publishableKey: [] }] : []),
          ...(access.orToken === true ? [{ statusToken: [] }] : []),
        ];
  const answers: Answers = { ...(schema.response as Answers), ...problemAnswersOf(route) };
  return {
    ...(security === undefined ? {} : { security }),
    ...schema,
    response: Object.fromEntries(
      Object.entries(answers).map(([status, answer]) => [
        status,
        hasRateLimit(route, status)
          ? { ...answer, headers: { ...answer.headers, ...RATE_LIMIT_HEADERS } }
          : answer,
      ]),
    ),
  };
}

type Answers = Record<string, { headers?: object }>;

/**
 * Whether an answer of this status has rate limit headers. Answers from before the caller is identified have none.
 */
function hasRateLimit({ config = {} }: RouteOptions, status: string): boolean {
  const { rateLimit = {} } = config;
  if (rateLimit === false || status === '401' || status === '408') return false;
  // Answers that a CDN keeps have none, by their route's config.
  return status === '429' || !('addHeadersOnExceeding' in rateLimit);
}
