import { hash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { rulesOf } from './admin-routes.ts';
import { Problem } from './problems.ts';

const BEARER = /^bearer ([\x21-\x7e]{1,512})$/i;

/** Requires one of these tokens for every route for admins. */
export function requireToken(app: FastifyInstance, tokens: readonly string[]): void {
  const isToken = tokenCheck(tokens);
  app.addHook('onRequest', (request, _reply, next) => {
    // An unknown path has no rules and is answered 404.
    if (request.is404 || rulesOf(request.routeOptions).access === 'public') {
      next();
      return;
    }
    const given = BEARER.exec(request.headers.authorization ?? '')?.[1];
    if (given !== undefined && isToken(given)) {
      next();
      return;
    }
    if (given !== undefined) request.log.warn({ address: request.ip }, 'wrong admin token');
    next(new Problem('unauthorized', 'Send an admin token as "Authorization: Bearer <token>".'));
  });
}

/**
 * Checks a token against the configured ones. It compares digests, and always all of them, so that the time
 * says neither how nearly right a token is nor which one it matches.
 */
export function tokenCheck(tokens: readonly string[]): (given: string) => boolean {
  const digests = tokens.map(digestOf);
  return (given) => {
    const digest = digestOf(given);
    return digests.map((each) => timingSafeEqual(each, digest)).includes(true);
  };
}

function digestOf(token: string): Buffer {
  return hash('sha256', token, 'buffer');
}
