import type { FastifyContextConfig } from 'fastify';
import { z } from 'zod';
import { Problem } from './problems.ts';
import type { Router, RouteRules, RouteRuleTypes } from './routes.ts';
import { noQuery } from './schemas.ts';

export interface Health<T extends RouteRuleTypes> {
  /** The rules of both routes. */
  config: RouteRules<T> & FastifyContextConfig;
  /** The OpenAPI summary of `/health/ready`. */
  summary: string;
  /** The detail of the 503 when `check` rejects. */
  detail: string;
  /** Rejects while the process cannot do its work. */
  check: () => Promise<unknown>;
}

const status = <S extends string>(text: S, description: string) =>
  z.object({ status: z.literal(text) }).meta({ description, examples: [{ status: text }] });

/**
 * For a supervisor. `/health/live`: the process runs; it calls no dependency. `/health/ready`: the process
 * can do its work.
 */
export function healthRoutes<T extends RouteRuleTypes>(
  router: Pick<Router<T>, 'get'>,
  { config, summary, detail, check }: Health<T>,
): void {
  const common = { tags: ['service'], querystring: noQuery };
  const live = {
    ...common,
    operationId: 'isLive',
    summary: 'Check that the process runs',
    response: { 200: status('ok', 'The process runs.') },
  };
  router.get('/health/live', { config, schema: live }, async () => ({ status: 'ok' }));
  const ready = {
    ...common,
    operationId: 'isReady',
    summary,
    response: { 200: status('ready', 'The process can do its work.') },
  };
  router.get('/health/ready', { config, schema: ready }, async () => {
    await check().catch(() => {
      throw new Problem('temporarily_unavailable', detail);
    });
    return { status: 'ready' };
  });
}
