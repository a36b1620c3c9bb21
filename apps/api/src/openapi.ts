import { type ApiAbout, describeApi as describe } from '@antrean/http';
import { GATEWAYS } from '@antrean/payments';
import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify';
import about from '../package.json' with { type: 'json' };
import { RATE_LIMIT_HEADERS } from './answer-headers.ts';
import { type ApiRuleTypes, DOCUMENTATION_PAGE, rulesOf } from './api-routes.ts';
import type { ApiConfig } from './config.ts';
import { FOR_ANY_PAGE } from './cors.ts';
import { isForPages, problemAnswersOf } from './problem-answers.ts';
import { acceptLanguage } from './schemas.ts';

/** The routes that are registered after this, as an OpenAPI document and as a page for people, both public. */
export async function describeApi(
  app: FastifyInstance,
  { PUBLIC_URL }: Pick<ApiConfig, 'PUBLIC_URL'>,
): Promise<void> {
  await describe<ApiRuleTypes>(app, {
    documentPath: '/openapi.json',
    pagePath: DOCUMENTATION_PAGE,
    config: { access: 'public', cors: FOR_ANY_PAGE },
    about: { ...ABOUT, servers: [{ url: new URL(PUBLIC_URL).href.replace(/\/$/, '') }] },
    // Every route may refuse, with a `message`.
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
        description: "A storefront's secret key (`sk_…`), for its server. Its scopes say what it may do.",
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
          'The token of one order, as in its `statusUrl`: it allows to read, cancel and pay that order.',
      },
      ...webhookSecurity(),
    },
  },
};

/** The schemes by which gateways' webhooks are known. */
function webhookSecurity() {
  return Object.fromEntries(
    Object.values(GATEWAYS).flatMap(({ webhooks }) => Object.entries(webhooks?.document.security ?? {})),
  );
}

/** With who may ask, everything that may go wrong, and where the caller stands. */
function withAnswers(schema: FastifySchema, route: RouteOptions): FastifySchema {
  const { access } = rulesOf(route);
  const security =
    access === 'public'
      ? undefined
      : [
          { secretKey: [] },
          ...(isForPages(access) ? [{ publishableKey: [] }] : []),
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

/** Whether an answer of this status tells where its caller stands: not before it is known who that is. */
function hasRateLimit({ config = {} }: RouteOptions, status: string): boolean {
  const { rateLimit = {} } = config;
  if (rateLimit === false || status === '401' || status === '408') return false;
  // What a CDN keeps is without, as its route says.
  return status === '429' || !('addHeadersOnExceeding' in rateLimit);
}
