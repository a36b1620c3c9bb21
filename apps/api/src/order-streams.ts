import type { Language } from '@antrean/http';
import type { ServerResponse } from 'node:http';
import { isSettled } from '@antrean/domain';
import { type PlacedRecord, placeOf } from '@antrean/redis';
import type { FastifyReply } from 'fastify';
import type { ApiDependencies, StreamTimes } from './dependencies.ts';
import { Problem } from './problems.ts';
import { shareOf, shown, tagOf } from './shown-status.ts';

const USUAL_TIMES: StreamTimes = { lookEveryMs: 1_000, heartbeatMs: 15_000, maxAgeMs: 10 * 60_000 };
const MAX_STREAMS_OF_ORDER = 5;
const ASK_AGAIN_SECONDS = 10;
/** Of one who does not read, beyond what the kernel holds. */
const MAX_UNREAD_BYTES = 64 * 1024;
/** After a connection is lost a browser waits that long, and up to as long again. */
const RECONNECT_MS = 1_500;

const HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store, no-transform',
  // Of nginx, which would keep them back.
  'x-accel-buffering': 'no',
} as const;

type Shown = Pick<PlacedRecord, 'status' | 'json' | 'version' | 'place'>;

/** One customer who follows one order. */
interface Stream {
  orderId: string;
  language: Language;
  raw: ServerResponse;
  /** What was last shown, and its tag: undefined until something was. */
  last: Shown | undefined;
  tag: string | undefined;
  heartbeatAtMs: number;
  endsAtMs: number;
  hasEnded: boolean;
}

/**
 * Every stream of events that this process has open. They share one timer, one connection to Redis for what changes,
 * and the place in line as LiveSettings has it: what they ask of Redis does not grow with those who wait.
 */
export class OrderStreams {
  readonly #deps: Pick<ApiDependencies, 'config' | 'settings' | 'records' | 'changes'>;
  readonly #times: StreamTimes;
  readonly #ofOrder = new Map<string, number>();
  readonly #streams = new Set<Stream>();
  #open = 0;
  #isStopped = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: Pick<ApiDependencies, 'config' | 'settings' | 'records' | 'changes' | 'streamTimes'>) {
    this.#deps = deps;
    this.#times = deps.streamTimes ?? USUAL_TIMES;
  }

  /**
   * Follows an order until it is settled, the customer leaves or `stop`; whatever comes of it, everything is let go of
   * when the response closes. `read` reads it first, and its problems are answered as such. What has the tag `seen` is
   * not shown again: an order that is settled is answered 204 then. Throws `too_many_streams`, and where it cannot be
   * followed `temporarily_unavailable`.
   */
  async open(
    reply: FastifyReply,
    asked: { orderId: string; language: Language; seen: string | undefined },
    read: () => Promise<PlacedRecord>,
  ): Promise<void> {
    const { orderId, language, seen } = asked;
    const { raw } = reply;
    if (hasLeft(raw)) {
      reply.hijack();
      return;
    }
    this.#take(orderId, raw);
    const now = Date.now();
    const share = shareOf(orderId);
    const stream: Stream = {
      ...{ orderId, language, raw, last: undefined, tag: seen, hasEnded: false },
      heartbeatAtMs: now + this.#times.heartbeatMs,
      // Those who came together do not come again together.
      endsAtMs: now + this.#times.maxAgeMs * (0.8 + 0.2 * share),
    };
    // Of what comes before the first status is read, the newest is shown after it.
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
      throw new Problem('temporarily_unavailable', 'The order cannot be followed just now. Poll it instead.');
    });
    const record = await read();

    const isOver = isSettled(record.status.status) && tagOf(this.#deps.settings, record, language) === seen;
    if (isOver) {
      // Told so, an EventSource does not come back; after a stream that ends it would.
      await reply.code(204).header('cache-control', 'no-store').send();
      return;
    }
    reply.hijack();
    if (hasLeft(raw)) return;
    // Of a reset while something is written; the close that follows is what counts.
    raw.on('error', () => undefined);
    for (const [name, value] of Object.entries({ ...reply.getHeaders(), ...HEADERS })) {
      if (value !== undefined) raw.setHeader(name, value);
    }
    this.#write(stream, `retry: ${Math.round(RECONNECT_MS * (1 + share))}\n\n`);
    this.#streams.add(stream);
    this.#timer ??= setInterval(() => this.#look(), this.#times.lookEveryMs);
    for (const each of [record, ...early]) this.#show(stream, each);
    // Stopped while it was opened.
    if (this.#isStopped) this.#end(stream);
  }

  /** Ends them all; browsers go elsewhere. */
  stop(): void {
    this.#isStopped = true;
    for (const stream of this.#streams) this.#end(stream);
  }

  /** Takes one of the places there are for this order and at all, until the response closes. */
  #take(orderId: string, raw: ServerResponse): void {
    const ofOrder = this.#ofOrder.get(orderId) ?? 0;
    if (this.#open >= this.#deps.config.MAX_STREAMS || ofOrder >= MAX_STREAMS_OF_ORDER) {
      throw new Problem('too_many_streams', 'Poll the order instead, or come back later.').after(
        ASK_AGAIN_SECONDS,
      );
    }
    this.#open += 1;
    this.#ofOrder.set(orderId, ofOrder + 1);
    raw.once('close', () => {
      this.#open -= 1;
      const left = (this.#ofOrder.get(orderId) ?? 1) - 1;
      if (left === 0) this.#ofOrder.delete(orderId);
      else this.#ofOrder.set(orderId, left);
      if (this.#open > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    });
  }

  /** Shows the state of the order where it is another than what was shown; the past is left out. */
  #show(stream: Stream, record: Shown): void {
    const { last, language } = stream;
    if (stream.hasEnded || (last !== undefined && record.version < last.version)) return;
    const now = { ...record, place: nearer(record.place, last?.place) };
    stream.last = now;
    const { settings } = this.#deps;
    const tag = tagOf(settings, now, language);
    if (tag !== stream.tag) {
      stream.tag = tag;
      this.#write(stream, `id: ${tag}\nevent: status\ndata: ${shown(settings, now, language)}\n\n`);
    }
    if (isSettled(now.status.status)) this.#end(stream);
  }

  /** In case a message was lost. All that ask at the same moment share a round trip. */
  async #readAgain(stream: Stream): Promise<void> {
    if (stream.last === undefined) return;
    try {
      const record = await this.#deps.records.read(stream.orderId);
      if (record !== undefined) this.#show(stream, record);
    } catch {
      // It is read again at the next heartbeat, and when Redis is back.
    }
  }

  #look(): void {
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
      // Its place, or the notice, may be another.
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

  /** One that does not take the end is cut off later. */
  #end(stream: Stream): void {
    if (stream.hasEnded) return;
    stream.hasEnded = true;
    stream.endsAtMs = Date.now() + this.#times.heartbeatMs;
    stream.raw.end();
  }
}

/** Then `close` has been emitted already, or will be. */
function hasLeft(raw: ServerResponse): boolean {
  return raw.closed || raw.destroyed;
}

/** Nobody's place or estimate grows. */
function nearer(place: Shown['place'], was: Shown['place']): Shown['place'] {
  if (place === undefined || was === undefined) return place;
  return {
    ticket: place.ticket,
    position: Math.min(place.position, was.position),
    estimatedWaitMs: Math.min(place.estimatedWaitMs, was.estimatedWaitMs),
  };
}
