import { type ApiAbout, answersFor, commonCodesOf, describeApi, problemSchema } from '@antrean/http';
import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify';
import about from '../package.json' with { type: 'json' };
import { type AdminRuleTypes, DOCUMENTATION_PAGE, rulesOf } from './admin-routes.ts';
import { type ProblemCode, PROBLEMS } from './problem-codes.ts';

const SCHEMA_ID = 'AdminProblem';

problemSchema(Object.keys(PROBLEMS) as ProblemCode[]).meta({ id: SCHEMA_ID, description: 'RFC 9457.' });

/** Describes the routes registered after this call, as an OpenAPI document and a documentation page, both public. */
export async function describeAdminApi(app: FastifyInstance): Promise<void> {
  await describeApi<AdminRuleTypes>(app, {
    documentPath: '/admin/openapi.json',
    pagePath: DOCUMENTATION_PAGE,
    config: { access: 'public' },
    about: ABOUT,
    complete: withAnswers,
  });
}

const ABOUT: ApiAbout = {
  info: {
    title: 'Antrean admin API',
    version: about.version,
    license: { name: about.license, identifier: about.license },
    description:
      'For people who run a shop. JSON; money is integer rupiah, times are ISO 8601 in UTC. Errors are problem ' +
      'documents (RFC 9457) with a stable `code`.',
  },
  tags: [
    { name: 'orders', description: 'What happened to an order.' },
    { name: 'service', description: 'Health, and this document.' },
  ],
  components: {
    securitySchemes: {
      adminToken: { type: 'http', scheme: 'bearer', description: 'One of `ADMIN_TOKENS`.' },
    },
  },
};

/** Adds who may call the route, and the problems that it may answer. */
function withAnswers(schema: FastifySchema, route: RouteOptions): FastifySchema {
  const { access, problems = [] } = rulesOf(route);
  const isPublic = access === 'public';
  const codes = [...commonCodesOf(route), ...problems, ...(isPublic ? [] : (['unauthorized'] as const))];
  return {
    ...(isPublic ? {} : { security: [{ adminToken: [] }] }),
    ...schema,
    response: {
      ...(schema.response as object),
      ...answersFor({ table: PROBLEMS, schemaId: SCHEMA_ID }, codes),
    },
  };
}
