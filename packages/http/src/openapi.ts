import { hash } from 'node:crypto';
import swagger, { type FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyContextConfig, FastifyInstance, FastifySchema, RouteOptions } from 'fastify';
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { headersNamed } from './answer-headers.ts';
import { isTagNamed } from './entity-tags.ts';
import type { Router, RouteRules, RouteWords } from './routes.ts';
import { ifNoneMatch, noBody, noQuery } from './schemas.ts';

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

/** What is said of an API as a whole. */
export type ApiAbout = NonNullable<FastifyDynamicSwaggerOptions['openapi']> & { info: { title: string } };

export interface ApiDescription<W extends RouteWords> {
  /** Where the document is read. */
  documentPath: string;
  /** Where the page for people is. */
  pagePath: string;
  /** The rules of the document; those of the page are among the app's plugin routes. */
  config: RouteRules<W> & FastifyContextConfig;
  about: ApiAbout;
  /** Headers that every route may be sent. */
  headers?: z.core.$ZodLooseShape;
  /** Completes the schema of a route: who may call it, and what else it answers. */
  complete: (schema: FastifySchema, route: RouteOptions) => FastifySchema;
}

/**
 * Describes the routes that are registered after this, as an OpenAPI document and as a page for people. The document is
 * made once, from the schemas that requests are checked with.
 */
export async function describeApi<W extends RouteWords>(
  app: FastifyInstance,
  { documentPath, pagePath, config, about, headers = {}, complete }: ApiDescription<W>,
): Promise<void> {
  await app.register(swagger, {
    openapi: { openapi: '3.1.0', ...about },
    transform: (given) => {
      const { body, headers: own = z.object({}), ...others } = given.schema;
      const schema = {
        ...others,
        ...(body === undefined || body === noBody ? {} : { body }),
        headers: (own as z.ZodObject).extend(headers),
      };
      const json = jsonSchemaTransform({ ...given, schema });
      return schema.hide === true ? json : { ...json, schema: complete(json.schema, given.route) };
    },
    transformObject: (document) => withoutUnused(jsonSchemaTransformObject(document) as OpenApi),
  });
  await app.register(swaggerUi, {
    routePrefix: pagePath,
    // The page asks for its own copy; there is one document.
    uiHooks: {
      onRequest: (request, reply, next) => {
        if (/^\/(?:json|yaml)/.test(request.url.slice(pagePath.length))) void reply.redirect(documentPath);
        else next();
      },
    },
    staticCSP: PAGE_CSP,
    theme: { title: about.info.title },
    uiConfig: { docExpansion: 'list', defaultModelsExpandDepth: 2, validatorUrl: null },
  });

  // As bytes: it is long, and encoding it again for each that asks holds up all others.
  let document = { bytes: Buffer.alloc(0), etag: '' };
  app.addHook('onReady', async () => {
    const bytes = Buffer.from(JSON.stringify(app.swagger()));
    document = { bytes, etag: `"${hash('sha256', bytes, 'base64url')}"` };
  });
  const schema = {
    operationId: 'readOpenApi',
    summary: 'Read this document',
    tags: ['service'],
    querystring: noQuery,
    headers: z.object(ifNoneMatch),
    response: {
      200: z
        .looseObject({ openapi: z.string() })
        .meta({ description: 'OpenAPI 3.1.', headers: headersNamed('etag', 'cache-control') }),
      304: z.null().meta({
        description: 'The document has not changed.',
        headers: headersNamed('etag', 'cache-control'),
      }),
    },
  };
  const router: Router<W> = app;
  router.get(documentPath, { config, schema }, (request, reply) => {
    void reply.header('etag', document.etag).header('cache-control', `public, max-age=${KEPT_SECONDS}`);
    if (isTagNamed(request.headers['if-none-match'], document.etag)) return reply.code(304).send();
    return reply.type('application/json; charset=utf-8').send(document.bytes);
  });
}

interface OpenApi {
  paths?: Record<
    string,
    Record<string, { responses?: Record<string, { description?: string; content?: Media }> }>
  >;
  components?: { schemas?: Record<string, { description?: string }> };
}
type Media = Record<string, { schema?: { $ref?: string } }>;

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
