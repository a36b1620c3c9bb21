import { hash } from 'node:crypto';
import swagger, { type FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify';
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { z } from 'zod';
import about from '../package.json' with { type: 'json' };
import { type ApiRouter, rulesOf } from './api-routes.ts';
import { headersNamed, RATE_LIMIT_HEADERS } from './answer-headers.ts';
import type { ApiConfig } from './config.ts';
import { FOR_ANY_PAGE } from './cors.ts';
import { isTagNamed } from './entity-tags.ts';
import { answersFor, isForPages, problemsOf } from './problem-answers.ts';
import { acceptLanguage, ifNoneMatch, noBody, noQuery } from './schemas.ts';

const DOCUMENT = '/openapi.json';
const PAGE = '/docs';
const KEPT_SECONDS = 300;

const toJson: Parameters<typeof createJsonSchemaTransform>[0] = {
  zodToJsonConfig: {
    override: ({ jsonSchema }) => {
      // A format says the same in a word, and a bound of JavaScript's is none of ours.
      if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
    },
  },
};
const jsonSchemaTransform = createJsonSchemaTransform(toJson);
const jsonSchemaTransformObject = createJsonSchemaTransformObject(toJson);

/** Of the page alone: everything that it loads is of this server. */
const PAGE_CSP = {
  'default-src': "'none'",
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self' data:",
  'connect-src': "'self'",
  'base-uri': "'none'",
  'form-action': "'none'",
  'frame-ancestors': "'none'",
};

/**
 * The routes that are registered after this, as an OpenAPI document and as a page for people, both for anybody. The
 * document is made once, from the schemas that requests are checked with.
 */
export async function describeApi(
  app: FastifyInstance,
  { PUBLIC_URL }: Pick<ApiConfig, 'PUBLIC_URL'>,
): Promise<void> {
  await app.register(swagger, {
    openapi: { ...ABOUT, servers: [{ url: new URL(PUBLIC_URL).href.replace(/\/$/, '') }] },
    transform: (given) => {
      const { body, headers = z.object({}), ...others } = given.schema;
      const schema = {
        ...others,
        ...(body === undefined || body === noBody ? {} : { body }),
        // Every route may refuse, with a `message`.
        headers: (headers as z.ZodObject).extend(acceptLanguage),
      };
      const json = jsonSchemaTransform({ ...given, schema });
      return schema.hide === true ? json : { ...json, schema: withAnswers(json.schema, given.route) };
    },
    transformObject: (document) => withoutUnused(jsonSchemaTransformObject(document) as OpenApi),
  });
  await app.register(swaggerUi, {
    routePrefix: PAGE,
    // The page asks for its own copy; there is one document.
    uiHooks: {
      onRequest: (request, reply, next) => {
        if (/^\/docs\/(?:json|yaml)/.test(request.url)) void reply.redirect(DOCUMENT);
        else next();
      },
    },
    staticCSP: PAGE_CSP,
    theme: { title: ABOUT.info.title },
    uiConfig: { docExpansion: 'list', defaultModelsExpandDepth: 2, validatorUrl: null },
  });

  const router: ApiRouter = app;
  // As bytes: it is long, and encoding it again for each that asks holds up all others.
  let document = { bytes: Buffer.alloc(0), etag: '' };
  app.addHook('onReady', async () => {
    const bytes = Buffer.from(JSON.stringify(app.swagger()));
    document = { bytes, etag: `"${hash('sha256', bytes, 'base64url')}"` };
  });
  const schema = {
    operationId: 'readOpenApi',
    summary: 'This document',
    tags: ['service'],
    querystring: noQuery,
    headers: z.object(ifNoneMatch),
    response: {
      200: z
        .looseObject({ openapi: z.string() })
        .meta({ description: 'OpenAPI 3.1.', headers: headersNamed('etag', 'cache-control') }),
      304: z
        .null()
        .meta({ description: 'It has not changed.', headers: headersNamed('etag', 'cache-control') }),
    },
  };
  const config = { access: 'public', cors: FOR_ANY_PAGE } as const;
  router.get(DOCUMENT, { config, schema }, (request, reply) => {
    void reply.header('etag', document.etag).header('cache-control', `public, max-age=${KEPT_SECONDS}`);
    if (isTagNamed(request.headers['if-none-match'], document.etag)) return reply.code(304).send();
    return reply.type('application/json; charset=utf-8').send(document.bytes);
  });
}

const ABOUT = {
  openapi: '3.1.0',
  info: {
    title: 'Antrean HTTP API',
    version: about.version,
    license: { name: about.license, identifier: about.license },
    description:
      'Orders go into a queue and are answered at once; follow them by `statusUrl` or `eventsUrl`. JSON in, JSON out; ' +
      'money is integer rupiah, times are ISO 8601 in UTC. Errors are problem documents (RFC 9457) with a stable `code`.',
  },
  tags: [
    { name: 'catalogue', description: 'What is sold. For anybody, and for a CDN to keep.' },
    { name: 'orders', description: 'Placing an order, and following it.' },
    { name: 'payments', description: 'How an order is paid.' },
    { name: 'fulfilment' },
    {
      name: 'webhooks',
      description:
        'For payment gateways. What cannot be stored is answered 503, so that they deliver it again.',
    },
    { name: 'service', description: 'For supervisors and tools.' },
  ],
  components: {
    securitySchemes: {
      secretKey: {
        type: 'http',
        scheme: 'bearer',
        description: "A storefront's secret key (`sk_…`), for its server. It may do whatever its scopes say.",
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
          'Of one order, as in its `statusUrl`: whoever has it reads, cancels and pays that order.',
      },
      xenditCallbackToken: {
        type: 'apiKey',
        in: 'header',
        name: 'x-callback-token',
        description: 'The callback token that Xendit sends with every event.',
      },
    },
  },
} satisfies FastifyDynamicSwaggerOptions['openapi'];

interface OpenApi {
  paths?: Record<
    string,
    Record<string, { responses?: Record<string, { description?: string; content?: Media }> }>
  >;
  components?: { schemas?: Record<string, { description?: string }> };
}
type Media = Record<string, { schema?: { $ref?: string } }>;

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
  const answers: Answers = { ...(schema.response as Answers), ...answersFor(problemsOf(route)) };
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

/** Without the components that nothing names, and with a description of those answers that are one. */
function withoutUnused<T extends OpenApi>(document: T): T {
  const schemas = document.components?.schemas ?? {};
  const operations = Object.values(document.paths ?? {}).flatMap((path) => Object.values(path));
  for (const operation of operations) {
    for (const response of Object.values(operation.responses ?? {})) {
      const ref = response.content?.['application/json']?.schema?.$ref?.split('/').at(-1);
      if (ref !== undefined) response.description = schemas[ref]?.description ?? '';
    }
  }
  // Those that only unused ones name are found in the next round.
  for (let before = -1; before !== Object.keys(schemas).length; ) {
    before = Object.keys(schemas).length;
    const text = JSON.stringify(document);
    for (const name of Object.keys(schemas)) {
      if (!text.includes(`"#/components/schemas/${name}"`)) delete schemas[name];
    }
  }
  return document;
}
