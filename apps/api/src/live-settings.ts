import { type StorefrontSettings, USUAL_SETTINGS } from '@antrean/domain';
import { type Backlog, type Producer } from '@antrean/queue';
import {
  digestOfKey,
  findStorefrontKey,
  type Keyspace,
  WaitingLine,
  type WaitingLineState,
  type Notice,
  readStorefronts,
  readSwitches,
  type Redis,
  type StorefrontKey,
  type Storefronts,
  type Switches,
} from '@antrean/redis';
import type { FastifyBaseLogger } from 'fastify';
import { fingerprintOf } from './tokens.ts';

const EVERY_MS = 250;

/**
 * Keys, limits, switches, notice and queue depth from Redis, at most a quarter of a second old, so that no request
 * reads them. While Redis is unreachable they keep their last values.
 */
export class LiveSettings {
  readonly #redis: Redis;
  readonly #keyspace: Keyspace;
  readonly #producer: Pick<Producer, 'backlog'>;
  readonly #waitingLine: WaitingLine;
  #revision: string | null | undefined;
  #storefronts: Storefronts = { keys: new Map(), limits: new Map(), settings: new Map() };
  #origins: ReadonlySet<string> = new Set();
  /** Storefront and origin to which its customers may be sent back. */
  #returnOrigins: ReadonlySet<string> = new Set();
  #switches: Switches = { on: new Set(), notice: undefined };
  #backlog: Backlog = { waiting: 0, active: 0, oldestAgeMs: 0 };
  #noticeTag = '';
  #lineState: WaitingLineState = { served: 0, ordersPerSecond: 1 };
  #isRedisAway = false;
  #timer: NodeJS.Timeout | undefined;
  #reading: Promise<void> | undefined;

  constructor(redis: Redis, keyspace: Keyspace, producer: Pick<Producer, 'backlog'>) {
    this.#redis = redis;
    this.#keyspace = keyspace;
    this.#producer = producer;
    this.#waitingLine = new WaitingLine(redis, keyspace);
  }

  /** Reads once and then at each interval. If the first read fails, the next one replaces it. */
  async start(log: FastifyBaseLogger): Promise<void> {
    const read = async () => {
      try {
        await this.refresh();
        if (this.#isRedisAway) log.info('Redis answers again');
        this.#isRedisAway = false;
      } catch (error) {
        if (!this.#isRedisAway) {
          log.error(
            { err: error },
            'Redis does not answer; keys, limits and switches keep their last values',
          );
        }
        this.#isRedisAway = true;
      }
      this.#reading = undefined;
    };
    this.#timer = setInterval(() => {
      // While a read waits for Redis, no other is started.
      this.#reading ??= read();
    }, EVERY_MS);
    this.#reading = read();
    await this.#reading;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#reading;
  }

  async refresh(): Promise<void> {
    const [revision, switches, backlog, lineState] = await Promise.all([
      this.#redis.get(this.#keyspace.storefrontRevision),
      readSwitches(this.#redis, this.#keyspace),
      this.#producer.backlog('orders'),
      this.#waitingLine.read(),
    ]);
    if (revision !== this.#revision) {
      this.#storefronts = await readStorefronts(this.#redis, this.#keyspace);
      this.#origins = new Set([...this.#storefronts.keys.values()].flatMap(({ origins }) => origins));
      this.#returnOrigins = returnOriginsOf(this.#storefronts);
      this.#revision = revision;
    }
    this.#switches = switches;
    this.#noticeTag = switches.notice === undefined ? '' : fingerprintOf(switches.notice).slice(0, 8);
    this.#backlog = backlog;
    this.#lineState = lineState;
  }

  /** As of the last read. */
  get isRedisAway(): boolean {
    return this.#isRedisAway;
  }

  /** Asks Redis only about a key that the last read did not have. Rejects when Redis does not answer. */
  async findKey(key: string): Promise<StorefrontKey | undefined> {
    const digest = digestOfKey(key);
    return (
      this.#storefronts.keys.get(digest) ?? (await findStorefrontKey(this.#redis, this.#keyspace, digest))
    );
  }

  limitsOf(storefrontId: string) {
    return this.#storefronts.limits.get(storefrontId);
  }

  /** What the storefront offers; the usual for one without settings of its own. */
  settingsOf(storefrontId: string): StorefrontSettings {
    return this.#storefronts.settings.get(storefrontId) ?? USUAL_SETTINGS;
  }

  /** Whether a gateway's page may lead this storefront's customers to that origin. */
  isReturnOrigin(storefrontId: string, origin: string): boolean {
    return this.#returnOrigins.has(`${storefrontId} ${origin}`);
  }

  /** Whether a publishable key allows this origin. */
  isKnownOrigin(origin: string): boolean {
    return this.#origins.has(origin);
  }

  get switches(): Switches {
    return this.#switches;
  }

  get notice(): Notice | undefined {
    return this.#switches.notice;
  }

  /** The shop's notice as a field of answers; empty without a notice. */
  get noticeField(): { notice?: Notice } {
    const { notice } = this.#switches;
    return notice === undefined ? {} : { notice };
  }

  get backlog(): Backlog {
    return this.#backlog;
  }

  /** Changes with the notice; empty without one. */
  get noticeTag(): string {
    return this.#noticeTag;
  }

  get lineState(): WaitingLineState {
    return this.#lineState;
  }
}

/** Those of its settings, and those of its publishable keys. */
function returnOriginsOf({ keys, settings }: Storefronts): Set<string> {
  const pairs = [
    ...[...keys.values()].map(({ storefrontId, origins }) => ({ storefrontId, origins })),
    ...[...settings].map(([storefrontId, { returnOrigins }]) => ({ storefrontId, origins: returnOrigins })),
  ];
  return new Set(
    pairs.flatMap(({ storefrontId, origins }) => origins.map((origin) => `${storefrontId} ${origin}`)),
  );
}
