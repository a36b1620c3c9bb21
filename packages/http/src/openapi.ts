import { hash } from 'node:crypto';
import swagger, { type FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyContextConfig, FastifyInstance, FastifySchema, RouteOptions } from 'fastify';
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { headersNamed } from './answer-headers.ts';
import { isTagNamed } from './entity-tags.ts';
import type { Router, RouteRules, RouteRuleTypes } from './routes.ts';
import { ifNoneMatch, noBody, noQuery } from './schemas.ts';

const KEPT_SECONDS = 300;

const toJson: Parameters<typeof createJsonSchemaTransform>[0] = {
  zodToJsonConfig: {
    override: ({ jsonSchema }) => {
      // The format already describes the pattern; the bounds of JavaScript numbers are not ours.
      if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
    },
  },
};
const jsonSchemaTransform = createJsonSchemaTransform(toJson);
const jsonSchemaTransformObject = createJsonSchemaTransformObject(toJson);

/** The content policy of the documentation page: it loads everything from this server. */
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

/** The OpenAPI fields about the API as a whole. */
export type ApiAbout = NonNullable<FastifyDynamicSwaggerOptions['openapi']> & { info: { title: string } };

export interface ApiDescription<T extends RouteRuleTypes> {
  /** The path of the document. */
  documentPath: string;
  /** The path of the documentation page. */
  pagePath: string;
  /** The rules of the document route. Those of the page are among the app's plugin routes. */
  config: RouteRules<T> & FastifyContextConfig;
  about: ApiAbout;
  /** Headers that every route accepts. */
  headers?: z.core.$ZodLooseShape;
  /** Adds to the schema of a route who may call it and the problems that it answers. */
  complete: (schema: FastifySchema, route: RouteOptions) => FastifySchema;
}

/**
 * Describes the routes that are registered after this call, as an OpenAPI document and as a documentation
 * page. The document is built once, from the schemas that validate requests.
 */
export async function describeApi<T extends RouteRuleTypes>(
  app: FastifyInstance,
  { documentPath, pagePath, config, about, headers = {}, complete }: ApiDescription<T>,
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
    // The page requests a copy at its own path; redirect it to the one document.
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

  // Encoded once: encoding this long document for each request would block the event loop.
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
  const router: Router<T> = app;
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

/** Removes unused components, and gives answers that refer to a component its description. */
function withoutUnused<T extends OpenApi>(document: T): T {
  const schemas = document.components?.schemas ?? {};
  const operations = Object.values(document.paths ?? {}).flatMap((path) => Object.values(path));
  for (const operation of operations) {
    for (const response of Object.values(operation.responses ?? {})) {
      const ref = response.content?.['application/json']?.schema?.$ref?.split('/').at(-1);
      if (ref !== undefined) response.description = schemas[ref]?.description ?? '';
    }
  }
  // Components that only unused components refer to become unused in the next round.
  for (let before = -1; before !== Object.keys(schemas).length; ) {
    before = Object.keys(schemas).length;
    const text = JSON.stringify(document);
    for (const name of Object.keys(schemas)) {
      if (!text.includes(`"#/components/schemas/${name}"`)) delete schemas[name];
    }
  }
  return document;
}
