import type { FastifyContextConfig } from 'fastify';
import { z } from 'zod';
import { Problem } from './problems.ts';
import type { Router, RouteRules, RouteWords } from './routes.ts';
import { noQuery } from './schemas.ts';

export interface Health<W extends RouteWords> {
  /** Of both routes. */
  config: RouteRules<W> & FastifyContextConfig;
  /** What is checked: that the process can do its work. */
  summary: string;
  /** What is said where `check` rejects. */
  detail: string;
  /** Asks what the process cannot work without. */
  check: () => Promise<unknown>;
}

const status = <S extends string>(text: S, description: string) =>
  z.object({ status: z.literal(text) }).meta({ description, examples: [{ status: text }] });

/** For a supervisor: whether the process runs, which asks no other part, and whether it can do its work. */
export function healthRoutes<W extends RouteWords>(
  router: Pick<Router<W>, 'get'>,
  { config, summary, detail, check }: Health<W>,
): void {
  const common = { tags: ['service'], querystring: noQuery };
  const live = {
    ...common,
    operationId: 'isLive',
    summary: 'Check that the process runs',
    response: { 200: status('ok', 'It runs.') },
  };
  router.get('/health/live', { config, schema: live }, async () => ({ status: 'ok' }));
  const ready = {
    ...common,
    operationId: 'isReady',
    summary,
    response: { 200: status('ready', 'It can do its work.') },
  };
  router.get('/health/ready', { config, schema: ready }, async () => {
    await check().catch(() => {
      throw new Problem('temporarily_unavailable', detail);
    });
    return { status: 'ready' };
  });
}
