import Fastify, { type FastifyInstance } from 'fastify';
import { beforeEach, describe, expect, expectTypeOf, it } from 'vitest';
import { requireRouteRules, type Router } from './routes.ts';

interface Types {
  access: 'public' | 'key';
  closedBy: 'maintenance';
  problem: 'sold_out';
}
type Options<Method extends keyof Router<Types>> = Parameters<Router<Types>[Method]>[1];

const answer = () => ({ echo: true });
let app: FastifyInstance;
beforeEach(() => {
  app = Fastify();
  requireRouteRules<Types>(app, [
    { plugin: 'a plugin', method: 'GET', url: '/docs', rules: { access: 'public' } },
  ]);
});

describe('a route that does not say who may call it', () => {
  it('does not start', () => {
    for (const config of [undefined, {}, { closedBy: [] }]) {
      expect(() =>
        app.route({ method: 'GET', url: '/v1/echo', handler: answer, ...(config && { config }) }),
      ).toThrow(/^The route GET \/v1\/echo does not say who may call it\. Add access to its config/);
    }
    expect(() => app.get('/v1/echo', { config: { access: 'public' } }, answer)).not.toThrow();
  });

  it('does not start when a plugin adds it, unless it is listed', async () => {
    app.register(async (scope) => {
      scope.get('/docs/page', answer);
      scope.get('/documents', answer);
    });
    await expect(app.ready()).rejects.toThrow(/^The route GET \/documents does not say who may call it/);
  });

  it('does not compile', () => {
    expectTypeOf<{ config: { access: 'public' } }>().toExtend<Options<'get'>>();
    expectTypeOf<{ config: object }>().not.toExtend<Options<'get'>>();
    expectTypeOf<object>().not.toExtend<Options<'get'>>();
    expectTypeOf<{ config: { access: 'anybody' } }>().not.toExtend<Options<'get'>>();
    expectTypeOf<{ config: { closedBy: [] } }>().not.toExtend<Options<'post'>>();
  });
});

describe('a route that writes and does not say what closes it', () => {
  it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const)('does not start: %s', (method) => {
    const route = { method, url: '/docs/echo', handler: answer };
    const withAccess = { ...route, config: { access: 'public' } };
    expect(() => app.route(route)).toThrow(/ does not say who may call it\. Add access to its config/);
    expect(() => app.route(withAccess)).toThrow(
      / writes and does not say what closes it\. Add closedBy to its/,
    );
    expect(() => app.route({ ...withAccess, config: { access: 'public', closedBy: [] } })).not.toThrow();
  });

  it('does not compile', () => {
    expectTypeOf<{ config: { access: 'key'; closedBy: [] } }>().toExtend<Options<'post'>>();
    expectTypeOf<{ config: { access: 'key' } }>().not.toExtend<Options<'post'>>();
    expectTypeOf<{ config: { access: 'key'; closedBy: ['read_only'] } }>().not.toExtend<Options<'post'>>();
  });
});

it('the rules of a listed plugin apply to its routes and to no others', async () => {
  const found: unknown[] = [];
  app.addHook('onRequest', async ({ routeOptions }) => void found.push(routeOptions.config.access));
  app.get('/docs', answer);
  app.get('/docs/key', { config: { access: 'key' } }, answer);
  expect(() => app.get('/docs-of-ours', answer)).toThrow('does not say who may call it');
  for (const url of ['/docs', '/docs/key']) await app.inject({ method: 'HEAD', url });
  expect(found).toEqual(['public', 'key']);
});
