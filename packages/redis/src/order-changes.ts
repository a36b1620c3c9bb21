import type { OrderStatus } from '@antrean/domain';
import type { Redis } from './connections.ts';
import type { Keyspace } from './keyspace.ts';
import type { PlacedRecord } from './status-records.ts';

/** A stream that follows an order. */
interface Follower {
  /** A worker published a change. */
  changed(record: Pick<PlacedRecord, 'status' | 'json' | 'version'>): void;
  /** The connection was lost and is back: read the order again, as a change may have been missed. */
  missed(): void;
}

interface Channel {
  followers: Set<Follower>;
  isSubscribed: Promise<unknown>;
}

const CHANNELS_AT_ONCE = 1_000;

/** Changes of orders, over one connection for all followers. */
export class OrderChanges {
  readonly #redis: Redis;
  readonly #keyspace: Keyspace;
  readonly #channels = new Map<string, Channel>();

  /** The connection (see `openSubscriberRedis`) must have no other use. The caller closes it. */
  constructor(redis: Redis, keyspace: Keyspace) {
    this.#redis = redis;
    this.#keyspace = keyspace;
    redis.on('message', (name: string, message: string) => {
      const channel = this.#channels.get(name);
      if (channel === undefined) return;
      const at = message.indexOf(' ');
      const version = Number(message.slice(0, at));
      const json = message.slice(at + 1);
      const status = JSON.parse(json) as OrderStatus;
      for (const follower of channel.followers) follower.changed({ status, json, version });
    });
    redis.on('ready', () => void this.#subscribeAgain());
  }

  /**
   * `isFollowed` resolves once every change arrives: read the order then, not before. It rejects at once while Redis is
   * away.
   */
  follow(orderId: string, follower: Follower): { isFollowed: Promise<unknown>; leave: () => void } {
    const name = this.#keyspace.status(orderId);
    let channel = this.#channels.get(name);
    if (channel === undefined) {
      channel = { followers: new Set(), isSubscribed: this.#redis.subscribe(name) };
      this.#channels.set(name, channel);
    }
    channel.followers.add(follower);
    return { isFollowed: channel.isSubscribed, leave: () => this.#leave(name, follower) };
  }

  #leave(name: string, follower: Follower): void {
    const channel = this.#channels.get(name);
    if (channel?.followers.delete(follower) !== true || channel.followers.size > 0) return;
    this.#channels.delete(name);
    // Also after a failed subscription: Redis may have executed it after its timeout.
    this.#redis.unsubscribe(name).catch(() => undefined);
  }

  async #subscribeAgain(): Promise<void> {
    const channels = [...this.#channels];
    for (let i = 0; i < channels.length; i += CHANNELS_AT_ONCE) {
      const some = channels.slice(i, i + CHANNELS_AT_ONCE);
      const isSubscribed = this.#redis.subscribe(...some.map(([name]) => name));
      for (const [, channel] of some) channel.isSubscribed = isSubscribed;
      try {
        await isSubscribed;
      } catch {
        // The next connection subscribes again when it is ready.
        if (this.#redis.status === 'ready') this.#redis.disconnect(true);
        return;
      }
      for (const [, { followers }] of some) for (const follower of followers) follower.missed();
    }
  }
}
