import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { FastifyInstance } from 'fastify';
import { redisUrl } from '@antrean/testing/vitest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { PROBLEMS } from '../src/problem-codes.ts';
import { type OpenApp, openApp } from './open-app.ts';
import { type Document, operationsOf, type Schema } from './openapi-document.ts';

let api: OpenApp;
let document: Document;
const registered: string[] = [];
const listen = (message: unknown) => {
  (message as { fastify: FastifyInstance }).fastify.addHook('onRoute', ({ method, url }) => {
    for (const each of [method].flat()) registered.push(`${each} ${url}`);
  });
};
beforeAll(async () => {
  subscribe('fastify.initialization', listen);
  api = await openApp(redisUrl());
  unsubscribe('fastify.initialization', listen);
  document = (await api.app.inject('/openapi.json')).json<Document>();
});
afterAll(() => api.close());

const isOfThePage = (route: string) => route.includes(' /docs');
const isGivenWithAnother = (route: string) => /^(?:HEAD|OPTIONS) /.test(route);

describe('the document', () => {
  it('has every route and no other', () => {
    const routes = registered.filter((route) => !isOfThePage(route) && !isGivenWithAnother(route));
    const described = operationsOf(document).map(
      ({ method, path }) => `${method} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
    );
    expect(described.toSorted()).toEqual(routes.toSorted());
    expect(described.length).toBeGreaterThan(10);
  });

  it('lists every code with an example, under its status', () => {
    const found = operationsOf(document).flatMap(({ codes }) => codes);
    expect(new Set(found.map(({ code }) => code))).toEqual(new Set(Object.keys(PROBLEMS)));
    for (const { code, status } of found) expect([code, status]).toEqual([code, PROBLEMS[code].status]);
  });

  it('gives each operation a unique id, a summary and a tag', () => {
    const operations = operationsOf(document).map(({ operation }) => operation);
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
    const tags = new Set(document.tags.map(({ name }) => name));
    for (const { operationId, summary, tags: own } of operations) {
      expect([operationId, summary?.length, own?.length === 1 && own.every((tag) => tags.has(tag))]).toEqual([
        operationId,
        expect.any(Number),
        true,
      ]);
    }
  });

  it('requires no key for these routes only', () => {
    const open = operationsOf(document).filter(({ operation }) => operation.security === undefined);
    expect(new Set(open.map(({ operation }) => operation.operationId))).toEqual(
      new Set([
        'readOpenApi',
        'isLive',
        'isReady',
        'listProducts',
        'readProduct',
        'receiveMidtransNotification',
      ]),
    );
  });

  it('has an example of every request and answer body, and each matches its schema', () => {
    let count = 0;
    for (const { method, path, operation } of operationsOf(document)) {
      const bodies = [operation.requestBody, ...Object.values(operation.responses)];
      for (const [type, media] of bodies.flatMap((body) => Object.entries(body?.content ?? {}))) {
        if (path === '/openapi.json') continue;
        const schema = resolved(media.schema);
        const examples = [
          ...('example' in media ? [media.example] : []),
          ...Object.values(media.examples ?? {}).map(({ value }) => value),
          ...((schema['examples'] as unknown[] | undefined) ?? []),
        ];
        if (type === 'application/json' || type === 'text/event-stream')
          expect([method, path, examples.length > 0]).toEqual([method, path, true]);
        const checked = z.fromJSONSchema(schema);
        for (const example of examples) {
          expect([method, path, checked.safeParse(example).error]).toEqual([method, path, undefined]);
          count += 1;
        }
      }
    }
    expect(count).toBeGreaterThan(100);
  });

  it('documents Content-Language on every refusal, and rate limit headers on other answers', () => {
    for (const { operation } of operationsOf(document)) {
      const { operationId, parameters = [], responses } = operation;
      const languages = parameters.filter(({ name }) => name === 'accept-language');
      expect([operationId, languages.length]).toEqual([operationId, 1]);
      for (const [status, { headers = {} }] of Object.entries(responses)) {
        const isWithout =
          status === '401' ||
          status === '408' ||
          (status !== '429' && /^(?:is|receive|(?:list|read)Product)/.test(operationId));
        expect([operationId, status, 'ratelimit-limit' in headers]).toEqual([
          operationId,
          status,
          !isWithout,
        ]);
      }
    }
  });

  it('is public, and answered 304 while it is unchanged', async () => {
    const first = await api.app.inject('/openapi.json');
    expect(first.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'public, max-age=300',
      'ratelimit-limit': '100000',
      'access-control-allow-origin': '*',
    });
    expect(first.headers).not.toHaveProperty('vary');
    expect(first.json()).toMatchObject({ openapi: '3.1.0' });
    const etag = String(first.headers.etag);
    // As a client behind a compressing proxy sends it, and others.
    for (const given of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
      const second = await api.app.inject({ url: '/openapi.json', headers: { 'if-none-match': given } });
      expect([given, second.statusCode, second.body]).toEqual([given, 304, '']);
    }
  });

  /** Replaces every reference by its schema. */
  function resolved(schema: Schema): Schema {
    return JSON.parse(JSON.stringify(schema), (_key, value: unknown) => {
      const ref = (value as { $ref?: unknown } | null)?.$ref;
      if (typeof ref !== 'string') return value;
      return resolved(document.components.schemas[ref.split('/').at(-1) ?? ''] ?? {});
    }) as Schema;
  }
});

describe('the documentation page', () => {
  it.each(['/docs', '/docs/'])('%s loads everything from this server', async (url) => {
    const page = await api.app.inject(url);
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(page.body).not.toMatch(/https?:|src="\/\/|href="\/\//);
    expect(page.body).not.toMatch(/<script(?![^>]* src=)|<style| on\w+=| style=/);
    const assets = [...page.body.matchAll(/(?:src|href)="\.?([^"]+)"/g)].map(([, path = '']) =>
      path.startsWith('/docs') ? path : `/docs${path}`,
    );
    expect(assets).toHaveLength(7);
    for (const asset of assets)
      expect([asset, (await api.app.inject(asset)).statusCode]).toEqual([asset, 200]);
  });

  it('has a content policy that allows no other host and only scripts that are files of this server', async () => {
    const policy = String((await api.app.inject('/docs')).headers['content-security-policy']);
    expect(policy).not.toMatch(/unsafe|https?:|\*|[a-z]\.[a-z]/);
    expect(policy).toMatch(/^default-src 'none'; script-src 'self';/);
  });

  it('shows the one document, and uses no external validator', async () => {
    const copy = await api.app.inject('/docs/json');
    expect([copy.statusCode, copy.headers.location]).toEqual([302, '/openapi.json']);
    const script = (await api.app.inject('/docs/static/swagger-initializer.js')).body;
    expect(script).toContain("url: resolveUrl('./json')");
    expect(script).toContain('"validatorUrl":null');
  });

  it.each(['/docs/static/nothing.js', '/docs/nothing', '/docs/static/..%2f..%2fpackage.json'])(
    '%s is answered 404',
    async (url) => {
      const answer = await api.app.inject(url);
      expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
      expect(answer.statusCode).toBeGreaterThanOrEqual(400);
      expect(answer.statusCode).toBeLessThan(500);
    },
  );
});
