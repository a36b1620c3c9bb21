import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from './connections.ts';
import type { Keyspace } from './keyspace.ts';

/** For a plain page or a product; varied by a fifth, so that pages that were read together expire at different times. */
const FRESH_MS = 10_000;
/** After FRESH_MS an entry is still shown while a process reads it again, and while PostgreSQL is away. */
const KEPT_MS = 5 * 60_000;
/** For queries that clients can invent, such as searches, and for empty results. */
const FLEETING_FRESH_MS = 5_000;
const FLEETING_KEPT_MS = 10_000;
/**
 * Invented queries, and those with an empty result, share this number of places. So they cannot fill Redis, which also
 * holds the orders, however many there are.
 */
const PLACES = 512;
/** One reader at a time for each query, over all processes. The lock of a reader that crashed ends after that time. */
const LOCK_MS = 5_000;
/** How long no process reads a query again after a failed read. */
const FAILURE_PAUSE_MS = 1_000;
/** When a read takes longer, an older entry is shown if there is one. */
const STALE_PATIENCE_MS = 250;
/** Without an older entry, a process waits this long for another process's read, then reads too. */
const WAIT_MS = 1_000;
const GIVE_UP_MS = 3_000;
const LOOK_EVERY_MS = 25;
/** Concurrent reads of this process, fewer than its connections to PostgreSQL, and how many more may wait. */
const MAX_READINGS = 3;
const MAX_WAITING = 200;
/** How long Redis is not asked after a failure, as each failure may take as long as its command timeout. */
const REDIS_PAUSE_MS = 1_000;
/** Entries that this process read, used while Redis is away. */
const MEMORY_FRESH_MS = 1_000;
const MEMORY_SIZE = 100;

/** Stores the entry in one of the query's two places and releases the lock, if it is still the reader's. */
const STORE = `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2], KEYS[3])
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`;

const SHORTEN = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`;

type ScriptedRedis = Redis & {
  antreanCatalogueStore(
    key: string,
    lock: string,
    ownPlace: string,
    token: string,
    entry: string,
    keptMs: number,
  ): Promise<number>;
  antreanCatalogueShorten(lock: string, token: string, ms: number): Promise<number>;
};

/** A query of the catalogue. */
interface CatalogueQuery {
  /** Unique for each query. */
  key: string;
  /** Clients can make up any number of such queries. */
  isInvented: boolean;
}

interface CatalogueEntry<T> {
  value: T;
  /** When its read began, by the clock of the process that read. */
  madeAtMs: number;
}

export interface CatalogueCache {
  /**
   * The last result of `load` for this query, from Redis if it is stored there. `load` runs once at a time over all
   * processes; `isEmpty` says that its result is empty. Without a result to show it rejects with the error of `load`, or
   * with CatalogueAwayError.
   */
  read<T>(
    query: CatalogueQuery,
    load: () => Promise<{ value: T; isEmpty: boolean }>,
  ): Promise<CatalogueEntry<T> & { isRedisAway: boolean }>;
}

/** No entry is stored, and reading one takes too long. */
export class CatalogueAwayError extends Error {
  readonly code = 'catalogue_away';
}

interface Entry extends CatalogueEntry<unknown> {
  key: string;
  /** The catalogue's revision when it was read. */
  revision: string;
  freshUntilMs: number;
}

/** A read in progress in this process. */
interface Flight {
  startedAt: number;
  landing: Promise<Entry | undefined>;
}

/** Call after each change of products or sales is committed: earlier entries are then no longer fresh. */
export async function bumpCatalogue(redis: Redis, keyspace: Keyspace): Promise<void> {
  await redis.incr(keyspace.catalogueRevision);
}

/** `redis` should fail fast. */
export function createCatalogueCache(o: {
  redis: Redis;
  keyspace: Keyspace;
  /** Called when a read failed and an older entry is shown, or when Redis failed. */
  onError: (error: unknown) => void;
}): CatalogueCache {
  o.redis.defineCommand('antreanCatalogueStore', { numberOfKeys: 3, lua: STORE });
  o.redis.defineCommand('antreanCatalogueShorten', { numberOfKeys: 1, lua: SHORTEN });
  const redis = o.redis as ScriptedRedis;
  const flights = new Map<string, Flight>();
  const memory = new Map<string, Entry>();
  const limit = limiter(MAX_READINGS, MAX_WAITING);
  let isRedisAway = false;
  let redisAgainAt = 0;

  /** Undefined while Redis is away: then one request a second tries again. */
  async function inRedis<T>(run: () => Promise<T>): Promise<T | undefined> {
    if (isRedisAway) {
      if (performance.now() < redisAgainAt) return undefined;
      redisAgainAt = performance.now() + REDIS_PAUSE_MS;
    }
    try {
      const answer = await run();
      isRedisAway = false;
      return answer;
    } catch (error) {
      if (!isRedisAway) o.onError(error);
      isRedisAway = true;
      redisAgainAt = performance.now() + REDIS_PAUSE_MS;
      return undefined;
    }
  }

  const look = (query: CatalogueQuery) =>
    inRedis(async () => {
      const [revision, own] = await redis.mget(o.keyspace.catalogueRevision, ownPlaceOf(o.keyspace, query));
      // A second round trip, or each read of a popular page would also load the large entry of some search.
      const text = own ?? (query.isInvented ? null : await redis.get(sharedPlaceOf(o.keyspace, query)));
      const entry = text === null ? undefined : (JSON.parse(text) as Entry);
      // Another invented query may have replaced the entry.
      return { revision: revision ?? '0', entry: entry?.key === query.key ? entry : undefined };
    });

  type Load = () => Promise<{ value: unknown; isEmpty: boolean }>;

  async function readDatabase(query: CatalogueQuery, revision: string, load: Load) {
    return limit(async () => {
      const madeAtMs = Date.now();
      const { value, isEmpty } = await load();
      const isFleeting = query.isInvented || isEmpty;
      const freshMs = (isFleeting ? FLEETING_FRESH_MS : FRESH_MS) * (0.8 + 0.4 * Math.random());
      const entry: Entry = { key: query.key, revision, value, madeAtMs, freshUntilMs: madeAtMs + freshMs };
      memory.delete(query.key);
      memory.set(query.key, entry);
      for (const oldest of memory.keys()) {
        if (memory.size <= MEMORY_SIZE) break;
        memory.delete(oldest);
      }
      return { entry, isEmpty, keptMs: Math.round(freshMs + (isFleeting ? FLEETING_KEPT_MS : KEPT_MS)) };
    });
  }

  /** Reads for all processes. Undefined when another process reads and there is an older entry to show. */
  async function refill(query: CatalogueQuery, revision: string, load: Load, canShowOlder: boolean) {
    const lock = o.keyspace.catalogueLock(digestOf(query.key));
    const token = randomUUID();
    const end = performance.now() + WAIT_MS;
    while ((await inRedis(() => redis.set(lock, token, 'PX', LOCK_MS, 'NX'))) !== 'OK') {
      if (isRedisAway) break;
      if (canShowOlder) return undefined;
      if (performance.now() > end) return (await readDatabase(query, revision, load)).entry;
      await delay(LOOK_EVERY_MS);
      const found = await look(query);
      if (found !== undefined && isFresh(found)) return found.entry;
    }
    try {
      // Another process may have read it meanwhile.
      const found = isRedisAway ? undefined : await look(query);
      if (found !== undefined && isFresh(found)) {
        await inRedis(() => redis.antreanCatalogueShorten(lock, token, 1));
        return found.entry;
      }
      const { entry, isEmpty, keptMs } = await readDatabase(query, revision, load);
      const own = ownPlaceOf(o.keyspace, query);
      const place = isEmpty ? sharedPlaceOf(o.keyspace, query) : own;
      await inRedis(() =>
        redis.antreanCatalogueStore(place, lock, own, token, JSON.stringify(entry), keptMs),
      );
      return entry;
    } catch (error) {
      await inRedis(() => redis.antreanCatalogueShorten(lock, token, FAILURE_PAUSE_MS));
      throw error;
    }
  }

  /** In this process one read at a time for each name. */
  function fly(name: string, run: () => Promise<Entry | undefined>): Flight {
    const known = flights.get(name);
    if (known !== undefined) return known;
    const landing = run().finally(() => flights.delete(name));
    // The callers may have stopped waiting.
    landing.catch(() => undefined);
    const flight = { startedAt: performance.now(), landing };
    flights.set(name, flight);
    return flight;
  }

  async function readThroughRedis(query: CatalogueQuery, load: Load): Promise<Entry | undefined> {
    const found = await look(query);
    if (found === undefined) return undefined;
    const { revision, entry } = found;
    if (isFresh(found)) return entry;
    const canShowOlder = entry?.revision === revision;
    return orOlder(
      fly(`${canShowOlder} ${revision} ${query.key}`, () => refill(query, revision, load, canShowOlder)),
      entry,
      canShowOlder ? STALE_PATIENCE_MS : WAIT_MS,
    );
  }

  async function readAlone(query: CatalogueQuery, load: Load): Promise<Entry> {
    const remembered = memory.get(query.key);
    const ageMs = Date.now() - (remembered?.madeAtMs ?? -Infinity);
    if (remembered !== undefined && ageMs < MEMORY_FRESH_MS) return remembered;
    return orOlder(
      fly(`alone ${query.key}`, async () => (await readDatabase(query, '', load)).entry),
      ageMs < KEPT_MS ? remembered : undefined,
      STALE_PATIENCE_MS,
    );
  }

  async function orOlder(
    { startedAt, landing }: Flight,
    older: Entry | undefined,
    patienceMs: number,
  ): Promise<Entry> {
    let timer: NodeJS.Timeout | undefined;
    const waitMs = older === undefined ? GIVE_UP_MS : Math.max(0, startedAt + patienceMs - performance.now());
    const patience = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), waitMs);
    });
    try {
      const entry = (await Promise.race([landing, patience])) ?? older;
      if (entry === undefined) throw new CatalogueAwayError('Reading the catalogue takes too long.');
      return entry;
    } catch (error) {
      if (older === undefined) throw error;
      o.onError(error);
      return older;
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    async read<T>(query: CatalogueQuery, load: () => Promise<{ value: T; isEmpty: boolean }>) {
      const throughRedis = await readThroughRedis(query, load);
      const { value, madeAtMs } = throughRedis ?? (await readAlone(query, load));
      // The entry under a query's key came from its own `load`.
      return { value: value as T, madeAtMs, isRedisAway };
    },
  };
}

function isFresh({ revision, entry }: { revision: string; entry: Entry | undefined }): boolean {
  return entry !== undefined && entry.revision === revision && Date.now() < entry.freshUntilMs;
}

/** An invented query has only its shared place. */
function ownPlaceOf(keyspace: Keyspace, query: CatalogueQuery): string {
  return query.isInvented ? sharedPlaceOf(keyspace, query) : keyspace.catalogueEntry(query.key);
}

function sharedPlaceOf(keyspace: Keyspace, { key }: CatalogueQuery): string {
  const place = Number.parseInt(digestOf(key).slice(0, 8), 16) % PLACES;
  return keyspace.cataloguePlace(place);
}

const digestOf = (key: string): string => createHash('sha256').update(key).digest('hex').slice(0, 32);

/** Runs at most `max` calls at a time; `maxWaiting` more wait, and others are rejected. */
function limiter(max: number, maxWaiting: number) {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async function limited<T>(run: () => Promise<T>): Promise<T> {
    if (running >= max) {
      if (waiting.length >= maxWaiting)
        throw new CatalogueAwayError('Too many reads of the catalogue are waiting.');
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else {
      running += 1;
    }
    try {
      return await run();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
