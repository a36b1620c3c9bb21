import type { Redis } from './connections.ts';
import type { Keyspace } from './keyspace.ts';

/**
 * Measures the rate from which waits are estimated. While orders are queued the rate only rises, so that no estimate grows.
 * The exception is a rate of more than twice the measured one: it is corrected.
 */
const MEASURE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local served = tonumber(redis.call('GET', KEYS[2]) or 0)
local was = redis.call('HMGET', KEYS[3], 'at', 'served', 'waiting', 'average', 'rate', 'unfinished')
local elapsed = now - tonumber(was[1] or 0)
if elapsed < tonumber(ARGV[4]) then return end
local waiting = tonumber(ARGV[1])
local unfinished = tonumber(ARGV[6])
local done = served - tonumber(was[2] or 0)
-- Workers are at capacity: orders wait, or workers hold many orders and more than they have finished since.
local isBusy = waiting > 0 and tonumber(was[3] or 0) > 0 or math.min(unfinished, tonumber(was[6] or 0)) > math.max(done, tonumber(ARGV[7]))
if was[1] and isBusy and elapsed < 10 * tonumber(ARGV[4]) then
  local measured = done * 1000 / elapsed
  local average = was[4] and 0.7 * tonumber(was[4]) + 0.3 * measured or measured
  local rate = tonumber(was[5] or ARGV[5])
  if average > rate or average < rate / 2 then rate = average end
  redis.call('HSET', KEYS[3], 'average', average, 'rate', rate)
end
-- No order waits or runs, and none was accepted since that was read: the rate may fall, and the tickets of lost orders
-- are written off. They do not count when their orders are processed later.
if ARGV[2] == '1' and (redis.call('GET', KEYS[1]) or '0') == ARGV[3] then
  if was[4] then redis.call('HSET', KEYS[3], 'rate', was[4]) end
  redis.call('SET', KEYS[2], ARGV[3])
  redis.call('HSET', KEYS[3], 'writtenOff', ARGV[3])
  served = tonumber(ARGV[3])
end
redis.call('HSET', KEYS[3], 'at', now, 'served', served, 'waiting', waiting, 'unfinished', unfinished)`;

const INTERVAL_MS = 1_000;
/** In orders a second, for estimates until workers have measured the rate. */
const ASSUMED_RATE = 200;
/** Orders in progress. A slow worker with fewer says nothing about capacity. */
const MANY = 50;
/** A lower rate would make useless estimates. */
const LOWEST_RATE = 0.5;

type ScriptedRedis = Redis & {
  antreanMeasure(keyCount: number, ...args: (string | number)[]): Promise<unknown>;
};

/** How many tickets are served, and how fast the waiting line moves. */
export interface WaitingLineState {
  /** Tickets served: orders with higher ones wait. */
  served: number;
  /** The last measurement while orders waited. */
  ordersPerSecond: number;
}

export interface Place {
  /** 1 for the next order. */
  position: number;
  estimatedWaitMs: number;
}

/** The waiting line of queued orders. */
export class WaitingLine {
  readonly #redis: ScriptedRedis;
  readonly #keyspace: Keyspace;

  constructor(redis: Redis, keyspace: Keyspace) {
    redis.defineCommand('antreanMeasure', { lua: MEASURE });
    this.#redis = redis as ScriptedRedis;
    this.#keyspace = keyspace;
  }

  /** Each worker calls it about once a second; several together measure no more often. */
  async measure(backlog: () => Promise<{ waiting: number; active: number }>): Promise<void> {
    const { lineTickets, lineServed, lineDrain } = this.#keyspace;
    const given = (await this.#redis.get(lineTickets)) ?? '0';
    const { waiting, active } = await backlog();
    const unfinished = waiting + active;
    const args = [
      waiting,
      unfinished === 0 ? 1 : 0,
      given,
      INTERVAL_MS - 100,
      ASSUMED_RATE,
      unfinished,
      MANY,
    ];
    await this.#redis.antreanMeasure(3, lineTickets, lineServed, lineDrain, ...args);
  }

  async read(): Promise<WaitingLineState> {
    const { lineServed, lineDrain } = this.#keyspace;
    const [served, rate] = await Promise.all([
      this.#redis.get(lineServed),
      this.#redis.hget(lineDrain, 'rate'),
    ]);
    return waitingLineStateOf(served, rate);
  }
}

/** The place of an order with this ticket. */
export function placeOf(ticket: number, { served, ordersPerSecond }: WaitingLineState): Place {
  const position = Math.max(ticket - served, 1);
  return { position, estimatedWaitMs: Math.ceil((position * 1_000) / ordersPerSecond) };
}

/** From the values in Redis: null, or an empty text, before the first order. */
export function waitingLineStateOf(
  served: string | number | null | undefined,
  rate: string | number | null | undefined,
): WaitingLineState {
  const isMeasured = rate !== null && rate !== undefined && rate !== '';
  return {
    served: Number(served ?? 0),
    ordersPerSecond: isMeasured ? Math.max(Number(rate), LOWEST_RATE) : ASSUMED_RATE,
  };
}
