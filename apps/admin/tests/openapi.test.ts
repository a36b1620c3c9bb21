import { randomUUID } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Database, type Kysely, openDatabase } from '@antrean/db';
import { type TestDatabase } from '@antrean/testing';
import { testDatabase } from '@antrean/testing/vitest';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { PROBLEMS } from '../src/problem-codes.ts';
import { eventfulOrder } from './an-order.ts';
import { openAdmin, TOKENS } from './open-admin.ts';

type Schema = Record<string, unknown>;
interface Operation {
  operationId: string;
  summary: string;
  security?: object[];
  responses: Record<
    string,
    { content?: Record<string, { schema: Schema; examples?: Record<string, { value: unknown }> }> }
  >;
}
interface Document {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

let database: TestDatabase;
let db: Kysely<Database>;
let admin: Awaited<ReturnType<typeof openAdmin>>;
let document: Document;
const registered: string[] = [];
const listen = (message: unknown) => {
  (message as { fastify: FastifyInstance }).fastify.addHook('onRoute', ({ method, url }) => {
    for (const each of [method].flat()) registered.push(`${each} ${url}`);
  });
};
beforeAll(async () => {
  database = await testDatabase();
  db = openDatabase({ url: database.url, maxConnections: 2 });
  subscribe('fastify.initialization', listen);
  admin = await openAdmin(db);
  unsubscribe('fastify.initialization', listen);
  document = (await admin.read('/admin/openapi.json', '')).json<Document>();
});
afterAll(async () => {
  await admin.app.close();
  await db.destroy();
  await database.drop();
});

const operationsOf = ({ paths }: Document) =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );

/** Replaces every reference by its schema. */
function resolved(schema: Schema): Schema {
  return JSON.parse(JSON.stringify(schema), (_key, value: Schema) => {
    const ref = (value as Schema | null)?.['$ref'];
    if (typeof ref !== 'string') return value;
    return resolved(document.components.schemas[ref.split('/').at(-1) ?? ''] ?? {});
  }) as Schema;
}

describe('the document of the admin API', () => {
  it('has every route and no other, and marks those that need a token', () => {
    const routes = registered.filter((route) => route.startsWith('GET ') && !route.includes('/admin/docs'));
    const described = operationsOf(document).map(
      ({ method, path }) => `${method} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
    );
    expect(described.toSorted()).toEqual(routes.toSorted());
    expect(registered.filter((route) => !/^(?:GET|HEAD) /.test(route))).toEqual([]);
    const closed = operationsOf(document).filter(({ operation }) => operation.security !== undefined);
    expect(closed.map(({ operation }) => operation.operationId)).toEqual(['readOrderTimeline']);
  });

  it('is public OpenAPI 3.1, and answers 304 while it has not changed', async () => {
    expect(document.openapi).toBe('3.1.0');
    const first = await admin.read('/admin/openapi.json', '');
    expect(first.headers['cache-control']).toBe('public, max-age=300');
    const headers = { 'if-none-match': String(first.headers['etag']) };
    expect((await admin.app.inject({ url: '/admin/openapi.json', headers })).statusCode).toBe(304);
  });

  it('has examples of answers and problems that match their schemas', () => {
    let count = 0;
    for (const { operation } of operationsOf(document)) {
      for (const { content = {} } of Object.values(operation.responses)) {
        for (const { schema, examples = {} } of Object.values(content)) {
          const whole = resolved(schema);
          const all = [
            ...Object.values(examples).map(({ value }) => value),
            ...((whole['examples'] as unknown[]) ?? []),
          ];
          for (const example of all) {
            expect([operation.operationId, z.fromJSONSchema(whole).safeParse(example).error]).toEqual([
              operation.operationId,
              undefined,
            ]);
            count += 1;
          }
        }
      }
    }
    expect(count).toBeGreaterThan(20);
  });

  it('describes every answer of the routes, but for problems that tests cannot cause', async () => {
    const orderId = await eventfulOrder(db);
    const nowhere = openDatabase({ url: 'postgres://127.0.0.1:9/none', maxConnections: 1 });
    const away = await openAdmin(nowhere);
    const stopped = await stoppedAdmin();
    const seen = new Set<string>();
    for (const { path, operation } of operationsOf(document)) {
      const { operationId } = operation;
      const at = (id: string) => path.replace('{orderId}', id);
      const asked = [
        [inProcess(admin), at(orderId), TOKENS[0]],
        [inProcess(admin), at(orderId), 'wrong'],
        [inProcess(admin), at(randomUUID()), TOKENS[0]],
        [inProcess(admin), `${at(orderId)}?surprise=1`, TOKENS[0]],
        [inProcess(away), at(orderId), TOKENS[0]],
        [stopped.read, at(orderId), TOKENS[0]],
      ] as const;
      for (const [api, url, token] of asked) {
        const answer = await api(url, token);
        const body = JSON.parse(answer.body) as { code?: string };
        const type = answer.type.split(';')[0] ?? '';
        const schema = operation.responses[answer.status]?.content?.[type]?.schema;
        expect([operationId, url, answer.status, schema === undefined]).toEqual([
          operationId,
          url,
          answer.status,
          false,
        ]);
        const { error } = z.fromJSONSchema(resolved(schema ?? {})).safeParse(body);
        expect([operationId, url, error]).toEqual([operationId, url, undefined]);
        seen.add(`${operationId} ${answer.status} ${body.code ?? ''}`);
      }
    }
    stopped.close();
    await away.app.close();
    await nowhere.destroy();
    const wanted = operationsOf(document).flatMap(({ operation: { operationId, responses } }) =>
      Object.entries(responses).flatMap(([status, { content = {} }]) => {
        const codes = Object.keys(content['application/problem+json']?.examples ?? {});
        const bodies = content['application/json'] === undefined ? [] : [''];
        return [...codes, ...bodies].map((code) => `${operationId} ${status} ${code}`);
      }),
    );
    const untold = / (?:malformed_request|request_timeout|internal_error)$/;
    expect(wanted.filter((each) => !seen.has(each) && !untold.test(each))).toEqual([]);
    const codes = new Set(wanted.map((each) => each.split(' ')[2]).filter((code) => code !== ''));
    // Problems of bodies; no route takes one yet.
    const unused = ['malformed_body', 'body_too_large', 'unsupported_media_type'];
    expect(new Set([...codes, ...unused])).toEqual(new Set(Object.keys(PROBLEMS)));
  });
});

interface Answer {
  status: number;
  type: string;
  body: string;
}

const inProcess =
  ({ read }: typeof admin) =>
  async (url: string, token: string): Promise<Answer> => {
    const { statusCode, headers, body } = await read(url, token);
    return { status: statusCode, type: String(headers['content-type']), body };
  };

/** An admin API that is shutting down, as its open connections see it. */
async function stoppedAdmin() {
  const { app } = await openAdmin(db);
  await app.ready();
  const server = http.createServer((request, response) => app.routing(request, response));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  await app.close();
  const { port } = server.address() as AddressInfo;
  return {
    read: async (url: string, token: string): Promise<Answer> => {
      const headers = { authorization: `Bearer ${token}` };
      const answer = await fetch(`http://127.0.0.1:${port}${url}`, { headers });
      const type = answer.headers.get('content-type') ?? '';
      return { status: answer.status, type, body: await answer.text() };
    },
    close: () => server.close(),
  };
}

describe('the admin API', () => {
  it('does not start with a route that does not say who may call it', async () => {
    const { app } = await openAdmin(db);
    expect(() => app.get('/admin/api/echo', async () => 'echo')).toThrow('does not say who may call it');
    const config = { access: 'admin' } as const;
    expect(() => app.post('/admin/api/echo', { config }, async () => 'echo')).toThrow(
      'does not say what closes it',
    );
    await app.close();
  });

  it('answers with its own content policy, and its documentation page with another', async () => {
    const policy = async (url: string) => (await admin.read(url, '')).headers['content-security-policy'];
    expect(await policy('/health/live')).toBe("default-src 'none';frame-ancestors 'none'");
    expect(await policy('/admin/docs')).toMatch(/^default-src 'none'; script-src 'self';/);
    expect((await admin.read('/admin/docs', '')).statusCode).toBe(200);
    expect((await admin.read('/admin/docs/json', '')).headers['location']).toBe('/admin/openapi.json');
  });

  it('accepts bodies of at most 16 KiB', () => {
    expect(admin.app.initialConfig.bodyLimit).toBe(16 * 1024);
  });

  it('answers an unknown path with a problem, with or without a token', async () => {
    for (const token of [TOKENS[0], '']) {
      const answer = await admin.read('/admin/api/nothing', token);
      expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([404, 'not_found']);
    }
  });
});
