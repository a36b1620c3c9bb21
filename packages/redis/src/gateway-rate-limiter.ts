import type { Redis } from './connections.ts';
import type { Keyspace } from './keyspace.ts';

type Urgency = 'customer' | 'webhook' | 'routine';
const URGENCIES: readonly Urgency[] = ['customer', 'webhook', 'routine'];

interface Operation {
  gateway: string;
  operation: string;
}

/** The limit of a gateway. `burst`: calls that may be made at once after a quiet time, at least 1. */
export interface GatewayRateLimit {
  callsPerMinute: number;
  burst: number;
}

/** By gateway and operation; `default` is for operations without a limit of their own. A gateway not listed has no limit. */
export type GatewayRateLimits = Readonly<
  Record<string, { default: GatewayRateLimit } & Readonly<Record<string, GatewayRateLimit>>>
>;

export interface GatewayRateLimiter {
  /** Waits for a permit for the call; false if that takes longer than `maxWaitMs`. Never rejects. */
  acquire(call: Operation & { urgency: Urgency }): Promise<boolean>;
  /** Stops the operation for `afterMs` and halves its rate. Never rejects. */
  slowDown(call: Operation, afterMs?: number): Promise<void>;
  /** Resolves all waiting calls to false. */
  close(): void;
}

/** The rest is left to other users of the gateway account, and to differences of clocks. */
const SHARE_OF_LIMIT = 0.9;
/** The part of the rate that `webhook` and `routine` calls each keep, however many more urgent calls wait. */
const OWN_SHARE = 0.1;
const DEFAULT_STOP_MS = 5_000;
/** The slowest rate is a 32nd of the full one. */
const MAX_HALVINGS = 5;
/** How long Redis is not asked after a failure, as each failure may take as long as its command timeout. */
const REDIS_PAUSE_MS = 1_000;
const MAX_TIMER_MS = 60_000;

/**
 * GCRA on Redis's clock. `tat` is the time at which the calls so far would be spread out evenly; a call may run ahead of
 * it by the tolerance of its urgency. Returns the milliseconds to wait, 0 for a permit. `acquireLocally` below does the same.
 */
const ACQUIRE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local own = 'own:' .. ARGV[1]
local h = redis.call('HMGET', KEYS[1], 'tat', 'stop', 'halvings', 'halved_at', own)
local stop = tonumber(h[2] or 0)
if stop > now then return math.ceil(stop - now) end
local recovered = math.floor((now - tonumber(h[4] or 0)) / tonumber(ARGV[6]))
local interval = tonumber(ARGV[2]) * 2 ^ math.max(0, tonumber(h[3] or 0) - recovered)
local tat = math.max(now, tonumber(h[1] or 0))
local wait = math.huge
if ARGV[5] == '0' then wait = tat - now - tonumber(ARGV[3]) * interval end
if wait > 0 and ARGV[4] ~= '0' then wait = math.min(wait, tonumber(h[5] or 0) - now) end
if wait > 0 then return math.ceil(math.min(wait, 3600000)) end
tat = tat + interval
redis.call('HSET', KEYS[1], 'tat', string.format('%.3f', tat))
if ARGV[4] ~= '0' then
  redis.call('HSET', KEYS[1], own, string.format('%.3f', now + interval / tonumber(ARGV[4])))
end
redis.call('PEXPIRE', KEYS[1], math.ceil(math.max(tat - now + 20 * interval, 12 * tonumber(ARGV[6]))))
return 0`;

/** A 429 while the operation is stopped has the same cause, and does not halve the rate again. */
const SLOW_DOWN = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local h = redis.call('HMGET', KEYS[1], 'stop', 'halvings', 'halved_at')
local stop = tonumber(h[1] or 0)
local until_ = math.max(stop, now + tonumber(ARGV[1]))
if stop <= now then
  local recovered = math.floor((now - tonumber(h[3] or 0)) / tonumber(ARGV[2]))
  local halvings = math.max(0, tonumber(h[2] or 0) - recovered) + 1
  redis.call('HSET', KEYS[1], 'halvings', math.min(halvings, tonumber(ARGV[3])))
end
redis.call('HSET', KEYS[1], 'stop', string.format('%.3f', until_), 'halved_at', string.format('%.3f', until_))
redis.call('PEXPIRE', KEYS[1], math.ceil(until_ - now + 12 * tonumber(ARGV[2])))
return 1`;

type ScriptedRedis = Redis & {
  antreanAcquire(key: string, ...args: (string | number)[]): Promise<number>;
  antreanSlowDown(key: string, ...args: (string | number)[]): Promise<number>;
};

interface Waiting {
  deadline: number;
  resolve: (hasPermit: boolean) => void;
  timer: NodeJS.Timeout;
}

/** The state of an operation in this process. */
interface Lane {
  key: string;
  intervalMs: number;
  burst: number;
  waiting: Record<Urgency, Waiting[]>;
  isServing: boolean;
  hasNews: boolean;
  timer: NodeJS.Timeout | undefined;
  /** The same state as in Redis, by this process's clock, used while Redis is away. */
  local: {
    tat: number;
    stop: number;
    halvings: number;
    halvedAt: number;
    own: Partial<Record<Urgency, number>>;
  };
}

/** Customers may use the whole burst, webhooks half of it, and routine calls none of it. */
function toleranceOf(burst: number, urgency: Urgency): number {
  if (urgency === 'customer') return burst - 1;
  return urgency === 'webhook' ? Math.floor((burst - 1) / 2) : 0;
}

/**
 * Keeps calls to gateways below their rate limits, over all processes that share the Redis and the keyspace. `redis` should
 * give up soon, as `openRateLimitRedis` does. While Redis is away each process limits its own calls, so that several
 * processes together may exceed the limits.
 *
 * Calls get permits by urgency, then in order. Each of the two less urgent kinds also has a tenth of the rate to itself, so
 * that its calls are made however many customers wait. After a 429 the operation stops, then goes on at half the rate;
 * every `recoverMs` without another 429 doubles it, up to the full rate.
 */
export function createGatewayRateLimiter(o: {
  redis: Redis;
  keyspace: Keyspace;
  limits: GatewayRateLimits;
  maxWaitMs: number;
  recoverMs?: number;
}): GatewayRateLimiter {
  const recoverMs = o.recoverMs ?? 30_000;
  o.redis.defineCommand('antreanAcquire', { numberOfKeys: 1, lua: ACQUIRE });
  o.redis.defineCommand('antreanSlowDown', { numberOfKeys: 1, lua: SLOW_DOWN });
  const redis = o.redis as ScriptedRedis;
  const lanes = new Map<string, Lane>();
  let awayUntil = 0;
  let isClosed = false;

  function laneOf({ gateway, operation }: Operation): Lane | undefined {
    const limits = o.limits[gateway];
    const limit = limits?.[operation] ?? limits?.default;
    if (!limit) return undefined;
    const key = o.keyspace.gatewayRate(gateway, operation);
    const known = lanes.get(key);
    if (known) return known;
    const lane: Lane = {
      key,
      intervalMs: 60_000 / (limit.callsPerMinute * SHARE_OF_LIMIT),
      burst: Math.max(1, Math.floor(limit.burst)),
      waiting: { customer: [], webhook: [], routine: [] },
      isServing: false,
      hasNews: false,
      timer: undefined,
      local: { tat: 0, stop: 0, halvings: 0, halvedAt: 0, own: {} },
    };
    lanes.set(key, lane);
    return lane;
  }

  /** Undefined while Redis is away. */
  async function inRedis<T>(run: () => Promise<T>): Promise<T | undefined> {
    if (performance.now() < awayUntil) return undefined;
    try {
      return await run();
    } catch {
      awayUntil = performance.now() + REDIS_PAUSE_MS;
      return undefined;
    }
  }

  function acquireLocally({ local, intervalMs, burst }: Lane, urgency: Urgency, onlyOwn: boolean): number {
    const now = performance.now();
    if (local.stop > now) return Math.ceil(local.stop - now);
    const interval = intervalMs * 2 ** halvingsAt(local, now);
    const tat = Math.max(now, local.tat);
    let wait = onlyOwn ? Infinity : tat - now - toleranceOf(burst, urgency) * interval;
    if (wait > 0 && urgency !== 'customer') wait = Math.min(wait, (local.own[urgency] ?? 0) - now);
    if (wait > 0) return Math.ceil(wait);
    noteLocally(local, urgency, interval, now);
    return 0;
  }

  function noteLocally(local: Lane['local'], urgency: Urgency, interval: number, now: number): void {
    local.tat = Math.max(now, local.tat) + interval;
    local.own[urgency] = now + interval / OWN_SHARE;
  }

  const halvingsAt = ({ halvings, halvedAt }: Lane['local'], now: number): number =>
    Math.max(0, halvings - Math.max(0, Math.floor((now - halvedAt) / recoverMs)));

  /** Milliseconds until a call of this urgency may have a permit; 0 when it has one. */
  async function tryAcquire(lane: Lane, urgency: Urgency, onlyOwn: boolean): Promise<number> {
    const wait = await inRedis(() =>
      redis.antreanAcquire(
        lane.key,
        urgency,
        lane.intervalMs,
        toleranceOf(lane.burst, urgency),
        urgency === 'customer' ? 0 : OWN_SHARE,
        onlyOwn ? 1 : 0,
        recoverMs,
      ),
    );
    if (wait === undefined) return acquireLocally(lane, urgency, onlyOwn);
    // So that there is no fresh burst when Redis becomes unavailable.
    if (wait === 0) noteLocally(lane.local, urgency, lane.intervalMs, performance.now());
    return wait;
  }

  function leave(lane: Lane, urgency: Urgency, one: Waiting, hasPermit: boolean): void {
    const queue = lane.waiting[urgency];
    const at = queue.indexOf(one);
    if (at === -1) return;
    queue.splice(at, 1);
    clearTimeout(one.timer);
    one.resolve(hasPermit);
  }

  /** Grants permits until none is left for now; returns the milliseconds until the next try. */
  async function serve(lane: Lane): Promise<number> {
    for (;;) {
      let soonestMs = Infinity;
      let areOthersAhead = false;
      let wasServed = false;
      for (const urgency of URGENCIES) {
        if (lane.waiting[urgency].length === 0) continue;
        const wait = await tryAcquire(lane, urgency, areOthersAhead);
        // The call that the permit was acquired for may have given up meanwhile: the next one gets it.
        const first = lane.waiting[urgency][0];
        if (wait <= 0) {
          if (first) leave(lane, urgency, first, true);
          wasServed = true;
          break;
        }
        // No call gets a permit before the first one, unless more urgent calls give up.
        const end = areOthersAhead ? -Infinity : performance.now() + wait;
        for (const one of lane.waiting[urgency].filter(({ deadline }) => deadline < end))
          leave(lane, urgency, one, false);
        if (lane.waiting[urgency].length === 0) continue;
        areOthersAhead = true;
        soonestMs = Math.min(soonestMs, wait);
      }
      if (!wasServed) return soonestMs;
    }
  }

  async function look(lane: Lane): Promise<void> {
    if (lane.isServing) {
      lane.hasNews = true;
      return;
    }
    lane.isServing = true;
    clearTimeout(lane.timer);
    let soonestMs: number;
    do {
      lane.hasNews = false;
      soonestMs = await serve(lane);
    } while (lane.hasNews);
    lane.isServing = false;
    if (isClosed || soonestMs === Infinity) return;
    lane.timer = setTimeout(() => void look(lane), Math.min(Math.max(1, soonestMs), MAX_TIMER_MS));
  }

  return {
    acquire(call) {
      const lane = laneOf(call);
      if (!lane) return Promise.resolve(true);
      if (isClosed) return Promise.resolve(false);
      return new Promise((resolve) => {
        const one: Waiting = {
          deadline: performance.now() + o.maxWaitMs,
          resolve,
          timer: setTimeout(() => leave(lane, call.urgency, one, false), o.maxWaitMs),
        };
        lane.waiting[call.urgency].push(one);
        void look(lane);
      });
    },

    async slowDown(call, afterMs = DEFAULT_STOP_MS) {
      const lane = laneOf(call);
      if (!lane) return;
      const { local } = lane;
      const now = performance.now();
      if (local.stop <= now) local.halvings = Math.min(halvingsAt(local, now) + 1, MAX_HALVINGS);
      local.stop = Math.max(local.stop, now + afterMs);
      local.halvedAt = local.stop;
      await inRedis(() => redis.antreanSlowDown(lane.key, afterMs, recoverMs, MAX_HALVINGS));
    },

    close() {
      isClosed = true;
      for (const lane of lanes.values()) {
        clearTimeout(lane.timer);
        for (const urgency of URGENCIES)
          for (const one of [...lane.waiting[urgency]]) leave(lane, urgency, one, false);
      }
    },
  };
}
