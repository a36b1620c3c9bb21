/**
 * All keys in Redis, BullMQ's included. Each begins with one hash tag, `{antrean}`, so that a Redis Cluster keeps them in
 * one slot; scripts and transactions with several keys need that. The word after the tag is the kind of the key, or the
 * name of a queue.
 */
export class Keyspace {
  /** QUEUE_PREFIX. */
  readonly name: string;
  /** BullMQ's `prefix`; `queueKeys` of @antrean/queue makes the keys that follow from it. */
  readonly bullmq: string;
  readonly #tag: string;

  /** Tests take a name of their own. */
  constructor(name: string) {
    // Redis Cluster ignores an empty tag, and a brace would end the tag early.
    if (!/^[^{}]+$/.test(name)) {
      throw new Error(`QUEUE_PREFIX is '${name}'; it must not be empty or have braces. Set another name.`);
    }
    this.name = name;
    this.#tag = `{${name}}`;
    this.bullmq = this.#tag;
  }

  /** A pattern of all keys. */
  get all(): string {
    return `${this.#tag}:*`;
  }

  /** The status record of an order, and the channel on which its changes are published: `<version> <status as JSON>`. */
  status(orderId: string): string {
    return `${this.#tag}:status:${orderId}`;
  }

  /** The number of tickets given to queued orders, and of tickets served: the orders between them wait. */
  get lineTickets(): string {
    return `${this.#tag}:line:tickets`;
  }

  get lineServed(): string {
    return `${this.#tag}:line:served`;
  }

  /** How fast the waiting line moves: a hash, its field `rate` in orders a second. */
  get lineDrain(): string {
    return `${this.#tag}:line:drain`;
  }

  /** The availability snapshot of a product: a hash. */
  availability(sku: string): string {
    return `${this.#tag}:availability:${sku}`;
  }

  /** How many requests a bucket of a rate limit counted in its window. */
  rate(bucket: string): string {
    return `${this.#tag}:rate:${bucket}`;
  }

  /** A gateway's breaker, as a worker last reported it. */
  gatewayHealth(gateway: string): string {
    return `${this.#tag}:gateway-health:${gateway}`;
  }

  /** The rate of an operation's calls to a gateway: a hash. */
  gatewayRate(gateway: string, operation: string): string {
    return `${this.#tag}:gateway-rate:${gateway}:${operation}`;
  }

  /** The switches that are on, and the notice: a hash. */
  get switches(): string {
    return `${this.#tag}:switches`;
  }

  /** Changes of switches that are not in PostgreSQL yet: a list. */
  get switchChanges(): string {
    return `${this.#tag}:switch-changes`;
  }

  /** Storefront keys by their digest: a hash. */
  get storefrontKeys(): string {
    return `${this.#tag}:storefront-keys`;
  }

  /** Limits by storefront: a hash. */
  get storefrontLimits(): string {
    return `${this.#tag}:storefront-limits`;
  }

  /** What each storefront offers, if it is not the usual: a hash. */
  get storefrontSettings(): string {
    return `${this.#tag}:storefront-settings`;
  }

  /** Gets a new value with each change of storefront keys, limits or settings. */
  get storefrontRevision(): string {
    return `${this.#tag}:storefront-revision`;
  }

  /** Grows with each change of products or sales. */
  get catalogueRevision(): string {
    return `${this.#tag}:catalogue-revision`;
  }

  /** The cached result of a catalogue query. */
  catalogueEntry(query: string): string {
    return `${this.#tag}:catalogue-entry:${query}`;
  }

  /** One of the entries shared by invented queries and those with an empty result. */
  cataloguePlace(place: number | '*'): string {
    return `${this.#tag}:catalogue-place:${place}`;
  }

  /** Held while a query is read from PostgreSQL. */
  catalogueLock(digest: string): string {
    return `${this.#tag}:catalogue-lock:${digest}`;
  }
}
