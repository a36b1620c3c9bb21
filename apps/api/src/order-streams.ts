import type { Language } from '@antrean/http';
import type { ServerResponse } from 'node:http';
import { isSettled } from '@antrean/domain';
import { type PlacedRecord, placeOf } from '@antrean/redis';
import type { FastifyReply } from 'fastify';
import type { ApiDependencies, StreamTimes } from './dependencies.ts';
import { Problem } from './problems.ts';
import { jitterOf, shown, tagOf } from './shown-status.ts';

const USUAL_TIMES: StreamTimes = { updateEveryMs: 1_000, heartbeatMs: 15_000, maxAgeMs: 10 * 60_000 };
const MAX_STREAMS_OF_ORDER = 5;
const RETRY_AFTER_SECONDS = 10;
/** Unread bytes after which a client that does not read is disconnected, beyond the kernel's buffer. */
const MAX_UNREAD_BYTES = 64 * 1024;
/** How long a browser waits after it lost its connection, and up to twice as long. */
const RECONNECT_MS = 1_500;

const HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store, no-transform',
  // Keeps nginx from buffering the events.
  'x-accel-buffering': 'no',
} as const;

type Shown = Pick<PlacedRecord, 'status' | 'json' | 'version' | 'place'>;

/** One customer's stream of one order. */
interface Stream {
  orderId: string;
  language: Language;
  raw: ServerResponse;
  /** What was last sent, and its tag; undefined before the first event. */
  last: Shown | undefined;
  tag: string | undefined;
  heartbeatAtMs: number;
  endsAtMs: number;
  hasEnded: boolean;
}

/**
 * All event streams of this process. They share one timer, one subscription to Redis, and the positions of
 * LiveSettings, so that the load on Redis does not grow with the number of waiting customers.
 */
export class OrderStreams {
  readonly #deps: Pick<ApiDependencies, 'config' | 'settings' | 'records' | 'changes'>;
  readonly #times: StreamTimes;
  readonly #ofOrder = new Map<string, number>();
  readonly #streams = new Set<Stream>();
  #openCount = 0;
  #isStopped = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: Pick<ApiDependencies, 'config' | 'settings' | 'records' | 'changes' | 'streamTimes'>) {
    this.#deps = deps;
    this.#times = deps.streamTimes ?? USUAL_TIMES;
  }

  /**
   * Follows an order until it is settled, the client disconnects or `stop`. All resources are freed when the response
   * closes. `read` reads the order first; its problems are answered as usual. A status with the tag `seen` is not
   * sent again, and if that order is settled the answer is 204. Throws `too_many_streams`, or
   * `temporarily_unavailable` when the order cannot be followed.
   */
  async open(
    reply: FastifyReply,
    asked: { orderId: string; language: Language; seen: string | undefined },
    read: () => Promise<PlacedRecord>,
  ): Promise<void> {
    const { orderId, language, seen } = asked;
    const { raw } = reply;
    if (hasDisconnected(raw)) {
      reply.hijack();
      return;
    }
    this.#countStream(orderId, raw);
    const now = Date.now();
    const jitter = jitterOf(orderId);
    const stream: Stream = {
      ...{ orderId, language, raw, last: undefined, tag: seen, hasEnded: false },
      heartbeatAtMs: now + this.#times.heartbeatMs,
      // Streams that began together end at different times, so that their clients do not reconnect together.
      endsAtMs: now + this.#times.maxAgeMs * (0.8 + 0.2 * jitter),
    };
    // Updates that arrive before the first status is read. They are sent after it.
    const early: Shown[] = [];
    const { isFollowed, leave } = this.#deps.changes.follow(orderId, {
      changed: (published) => {
        const record = { ...published, place: undefined };
        if (stream.last === undefined) early.push(record);
        else this.#show(stream, record);
      },
      missed: () => void this.#readAgain(stream),
    });
    raw.once('close', () => {
      leave();
      this.#streams.delete(stream);
    });
    await isFollowed.catch(() => {
      throw new Problem('temporarily_unavailable', 'The order cannot be followed now. Poll it instead.');
    });
    const record = await read();

    const isOver = isSettled(record.status.status) && tagOf(this.#deps.settings, record, language) === seen;
    if (isOver) {
      // After a 204, an EventSource does not reconnect; after a stream that ends, it does.
      await reply.code(204).header('cache-control', 'no-store').send();
      return;
    }
    reply.hijack();
    if (hasDisconnected(raw)) return;
    // A connection reset during a write. The `close` event that follows frees the resources.
    raw.on('error', () => undefined);
    for (const [name, value] of Object.entries({ ...reply.getHeaders(), ...HEADERS })) {
      if (value !== undefined) raw.setHeader(name, value);
    }
    this.#write(stream, `retry: ${Math.round(RECONNECT_MS * (1 + jitter))}\n\n`);
    this.#streams.add(stream);
    this.#timer ??= setInterval(() => this.#updateAll(), this.#times.updateEveryMs);
    for (const each of [record, ...early]) this.#show(stream, each);
    // The API was stopped while this stream was opened.
    if (this.#isStopped) this.#end(stream);
  }

  /** Ends all streams; browsers reconnect to another process. */
  stop(): void {
    this.#isStopped = true;
    for (const stream of this.#streams) this.#end(stream);
  }

  /** Counts a stream of this order, within both limits, until the response closes. */
  #countStream(orderId: string, raw: ServerResponse): void {
    const ofOrder = this.#ofOrder.get(orderId) ?? 0;
    if (this.#openCount >= this.#deps.config.MAX_STREAMS || ofOrder >= MAX_STREAMS_OF_ORDER) {
      throw new Problem('too_many_streams', 'Poll the order instead, or come back later.').after(
        RETRY_AFTER_SECONDS,
      );
    }
    this.#openCount += 1;
    this.#ofOrder.set(orderId, ofOrder + 1);
    raw.once('close', () => {
      this.#openCount -= 1;
      const left = (this.#ofOrder.get(orderId) ?? 1) - 1;
      if (left === 0) this.#ofOrder.delete(orderId);
      else this.#ofOrder.set(orderId, left);
      if (this.#openCount > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    });
  }

  /** Sends the status if it differs from the last one sent. An older version is not sent. */
  #show(stream: Stream, record: Shown): void {
    const { last, language } = stream;
    if (stream.hasEnded || (last !== undefined && record.version < last.version)) return;
    const now = { ...record, place: nearerPlace(record.place, last?.place) };
    stream.last = now;
    const { settings } = this.#deps;
    const tag = tagOf(settings, now, language);
    if (tag !== stream.tag) {
      stream.tag = tag;
      this.#write(stream, `id: ${tag}\nevent: status\ndata: ${shown(settings, now, language)}\n\n`);
    }
    if (isSettled(now.status.status)) this.#end(stream);
  }

  /** Reads the order again, in case a message was lost. Reads of the same moment share a round trip. */
  async #readAgain(stream: Stream): Promise<void> {
    if (stream.last === undefined) return;
    try {
      const record = await this.#deps.records.read(stream.orderId);
      if (record !== undefined) this.#show(stream, record);
    } catch {
      // The next heartbeat reads again, and so does the subscription when Redis is back.
    }
  }

  #updateAll(): void {
    const now = Date.now();
    for (const stream of this.#streams) {
      if (now >= stream.endsAtMs) {
        if (stream.hasEnded) stream.raw.destroy();
        else this.#end(stream);
        continue;
      }
      const { last } = stream;
      if (stream.hasEnded || last === undefined) continue;
      const place =
        last.place === undefined
          ? undefined
          : { ...last.place, ...placeOf(last.place.ticket, this.#deps.settings.lineState) };
      // The position or the notice may have changed.
      this.#show(stream, { ...last, place });
      if (now < stream.heartbeatAtMs) continue;
      stream.heartbeatAtMs = now + this.#times.heartbeatMs;
      this.#write(stream, ': still here\n\n');
      void this.#readAgain(stream);
    }
  }

  #write({ raw, hasEnded }: Stream, text: string): void {
    if (hasEnded || raw.destroyed) return;
    if (!raw.write(text) && raw.writableLength > MAX_UNREAD_BYTES) raw.destroy();
  }

  /** Ends a stream. A client that does not take the end is disconnected later. */
  #end(stream: Stream): void {
    if (stream.hasEnded) return;
    stream.hasEnded = true;
    stream.endsAtMs = Date.now() + this.#times.heartbeatMs;
    stream.raw.end();
  }
}

/** `close` has been emitted, or will be. */
function hasDisconnected(raw: ServerResponse): boolean {
  return raw.closed || raw.destroyed;
}

/** Neither position nor estimated wait grows on a stream. */
function nearerPlace(place: Shown['place'], was: Shown['place']): Shown['place'] {
  if (place === undefined || was === undefined) return place;
  return {
    ticket: place.ticket,
    position: Math.min(place.position, was.position),
    estimatedWaitMs: Math.min(place.estimatedWaitMs, was.estimatedWaitMs),
  };
}
