import rateLimit, { normalizeIP } from '@fastify/rate-limit';
import { type Counted, DEFAULT_LIMITS, type RateCounter } from '@antrean/redis';
import { isIP } from 'node:net';
import { callbackify } from 'node:util';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { rulesOf } from './api-routes.ts';
import type { ApiDependencies } from './dependencies.ts';
import { Problem } from './problems.ts';

declare module '@fastify/rate-limit' {
  interface RateLimitOptions {
    /** The plugin reads this from a route too; its types omit it. */
    addHeadersOnExceeding?: Partial<
      Record<'ratelimit-limit' | 'ratelimit-remaining' | 'ratelimit-reset', boolean>
    >;
  }
}

const MINUTE_MS = 60_000;

/** Throws `rate_limited` after too many requests from the address of the request. */
type Count = (request: FastifyRequest) => Promise<void>;

/**
 * Counts requests a minute in one bucket for each client: orders with a publishable key by storefront and network
 * address, a secret key by its storefront, a token by its order, any other request by network address. A request that
 * Redis cannot count is let through. A route with other limits says so in its config.
 */
export async function limitRates(
  app: FastifyInstance,
  deps: Pick<ApiDependencies, 'config' | 'settings' | 'rateCounter'>,
): Promise<{ failed: Count; refused: Count }> {
  const { config, rateCounter } = deps;
  await app.register(rateLimit, {
    global: false,
    timeWindow: MINUTE_MS,
    enableDraftSpec: true,
    skipOnError: true,
    keyGenerator: (request) => bucketOf(deps, request).bucket,
    max: (request) => bucketOf(deps, request).max,
    errorResponseBuilder: () => new Problem('rate_limited'),
    ...(rateCounter === undefined ? {} : { store: storeOf(rateCounter) }),
  });
  const limitUsually = callbackify(app.rateLimit().bind(app));
  app.addHook('onRequest', (request, reply, next) => {
    if (request.routeOptions.config.rateLimit !== undefined) next();
    else if (request.caller.kind === 'token' && rateCounter !== undefined) {
      const { bucket, max } = bucketOf(deps, request);
      const counted = rateCounter.countInPortions(bucket, MINUTE_MS, max);
      if (counted instanceof Promise)
        setRateLimitHeadersLater(reply, max, counted, (error) => next(error ?? undefined));
      else next(setRateLimitHeaders(reply, max, counted));
    } else limitUsually(request, reply, (error) => next(error ?? undefined));
  });
  const countIn = (name: string, max: number): Count => {
    const count = app.createRateLimit({
      ...{ max, timeWindow: MINUTE_MS },
      keyGenerator: (request) => `${name}:${addressOf(request)}`,
    });
    return async (request) => {
      const counted = await count(request);
      if (!counted.isAllowed && counted.isExceeded) {
        throw new Problem('rate_limited').after(counted.ttlInSeconds);
      }
    };
  };
  return {
    failed: countIn('failed', config.AUTH_FAILURES_PER_MINUTE),
    refused: countIn('address', config.REQUESTS_PER_ADDRESS_PER_MINUTE),
  };
}

/**
 * Sets the headers of a token's rate limit; returns the problem when it is exceeded. The plugin's own code is
 * bypassed, as polling clients are counted mostly without Redis and need no promises.
 */
function setRateLimitHeaders(
  reply: FastifyReply,
  max: number,
  { current, ttl }: Counted,
): Problem | undefined {
  const seconds = Math.ceil(ttl / 1_000);
  void reply
    .header('ratelimit-limit', max)
    .header('ratelimit-remaining', Math.max(max - current, 0))
    .header('ratelimit-reset', seconds);
  return current > max ? new Problem('rate_limited').after(seconds) : undefined;
}

const setRateLimitHeadersLater = callbackify(
  async (reply: FastifyReply, max: number, counting: Promise<Counted>) => {
    const problem = setRateLimitHeaders(reply, max, await counting.catch(() => ({ current: 0, ttl: 0 })));
    if (problem !== undefined) throw problem;
  },
);

function bucketOf(
  { config, settings }: Pick<ApiDependencies, 'config' | 'settings'>,
  request: FastifyRequest,
): { bucket: string; max: number } {
  const { caller } = request;
  if (caller.kind === 'token') {
    return { bucket: `token:${caller.orderId}`, max: config.READS_PER_TOKEN_PER_MINUTE };
  }
  if (caller.kind === 'storefront') {
    const { kind, storefrontId } = caller.key;
    const limits = settings.limitsOf(storefrontId) ?? DEFAULT_LIMITS;
    if (kind === 'secret') return { bucket: `secret:${storefrontId}`, max: limits.requests };
    if (placesOrder(request)) {
      return { bucket: `orders:${storefrontId}:${addressOf(request)}`, max: limits.ordersPerAddress };
    }
  }
  return { bucket: `address:${addressOf(request)}`, max: config.REQUESTS_PER_ADDRESS_PER_MINUTE };
}

function placesOrder({ routeOptions }: FastifyRequest): boolean {
  const { access } = rulesOf(routeOptions);
  return access !== 'public' && access.scope === 'place';
}

/** Some proxies append the port to the address that they saw. */
const WITH_PORT = /^\[?([0-9a-f:.]+?)\]?:\d{1,5}$/i;

/**
 * IPv6 addresses are counted by their network of 64 bits, which one customer has at least. Invalid addresses share
 * one bucket.
 */
function addressOf({ ip }: FastifyRequest): string {
  const address = isIP(ip) === 0 ? (WITH_PORT.exec(ip)?.[1] ?? '') : ip;
  return isIP(address) === 0 ? 'unknown' : normalizeIP(address, 64);
}

/** Counts in Redis. Calls at the same moment share a round trip. */
function storeOf(counter: RateCounter) {
  const counted = callbackify((bucket: string, windowMs: number) => counter.count(bucket, windowMs));
  return class RedisStore {
    incr(bucket: string, done: (error: Error | null, counted: Counted) => void, windowMs: number): void {
      counted(bucket, windowMs, done);
    }

    /** A bucket's name already holds its owner. */
    child(): RedisStore {
      return this;
    }
  };
}
