import type { OrderStatus } from '@antrean/domain';
import type { Redis } from './connections.ts';
import { batchLoader } from './batch-loader.ts';
import type { Keyspace } from './keyspace.ts';
import { waitingLineStateOf, type WaitingLineState, type Place, placeOf } from './waiting-line.ts';
import { SNAPSHOT_VALID_MS } from './availability.ts';
import { TtlCache } from './ttl-cache.ts';

/** A status record: the status that clients see, with fields that only Antrean reads. */
export interface StatusRecord {
  status: OrderStatus;
  storefrontId: string;
  /** The fingerprint of the accepted body; another body under the same idempotency key is a conflict. */
  fingerprint: string;
  /** The order's version; 0 while it is queued. */
  version: number;
}

/** A place in the waiting line, with the ticket that it is computed from. */
interface Ticket extends Place {
  ticket: number;
}

/** A record as it is read: a queued order has its place in the waiting line. */
export interface PlacedRecord extends StatusRecord {
  /** The status as it is stored. */
  json: string;
  place: Ticket | undefined;
}

/** The content of a record without the place, which changes with each order that is served. */
interface ParsedRecord {
  text: string;
  record: Omit<PlacedRecord, 'place'>;
  ticket: number;
}

/** A new order, before its admission. */
export interface Arrival {
  record: StatusRecord;
  items: readonly { sku: string; quantity: number }[];
  shippingFeeRupiah?: number;
  /** The total that the storefront showed to the buyer. */
  expectedTotalRupiah?: number | undefined;
  acceptedAtMs: number;
  /** Why new orders are refused now: one reason is checked before the sold-out gate, the other after it. */
  refusal: { before: string | undefined; after: string | undefined };
}

export type Admission =
  | { kind: 'accepted'; place: Ticket }
  /** Its idempotency key is known: an order that was accepted is never refused later. */
  | { kind: 'known'; record: PlacedRecord }
  | { kind: 'refused'; reason: string }
  | { kind: 'sold_out'; sku: string };

/** Who asked for the cancellation: a client with the order token, or with a key of the storefront. */
export type CancelledBy = 'customer' | 'storefront';

const RECORD_TTL_SECONDS = 48 * 3600;

/**
 * A record is one string, as it is read and replaced as a whole: `<version> <ticket> <cancelledBy> <storefront>
 * <fingerprint> <status as JSON>`. The ticket is empty if a worker published the record first, `cancelledBy` if the order
 * was not cancelled while queued. A storefront's id and a fingerprint have no spaces. Other text is treated as no record.
 */
const RECORD = /^(\d+) (\d*) ([a-z]*) ([^ ]+) ([^ ]+) (\{.*\})$/s;
const RECORDS = `
local function read(key)
  local text = redis.call('MGET', key)[1]
  if text then return string.match(text, '^(%d+) (%d*) (%l*) ([^ ]+) ([^ ]+) ({.*})$') end
end
local function join(...) return table.concat({ ... }, ' ') end`;

/**
 * Admits orders, one after the other. An order that has a record is answered with it. Another order is refused, or gets a
 * record and a ticket; its position in the waiting line is the number of earlier tickets that are not served.
 *
 * Its sold-out gate repeats the rules of `allot` (packages/domain) for price, stock and quota.
 * sold-out-gate.property.test.ts compares both on the same orders: change them together.
 */
const ADMIT = `${RECORDS}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local orders = tonumber(ARGV[3])
local served = redis.call('GET', KEYS[2]) or '0'
local line = redis.call('HMGET', KEYS[3], 'rate', 'writtenOff')
local rate = line[1]
local writtenOff = tonumber(line[2] or 0)
local availability = {}
local function availabilityOf(i)
  if not availability[i] then
    availability[i] = redis.call('HMGET', KEYS[3 + orders + i], 'available', 'at', 'from', 'to', 'quota', 'price', 'sale')
  end
  return availability[i]
end
local answers = {}
local a = 4
for i = 1, orders do
  local key = KEYS[3 + i]
  local acceptedAt = tonumber(ARGV[a + 5])
  local items = tonumber(ARGV[a + 8])
  local version, ticket, cancelledBy, storefront, fingerprint, status = read(key)
  if version then
    -- The order's job was lost and its ticket written off: it gets a new ticket.
    if version == '0' and fingerprint == ARGV[a + 2] and ticket ~= '' and tonumber(ticket) <= writtenOff then
      ticket = redis.call('INCR', KEYS[1])
      redis.call('SET', key, join(version, ticket, cancelledBy, storefront, fingerprint, status), 'KEEPTTL')
    end
    answers[i] = { 'known', join(version, ticket, cancelledBy, storefront, fingerprint, status), served, rate }
  elseif ARGV[a + 3] ~= '' then
    answers[i] = { 'refused', ARGV[a + 3] }
  else
    -- The total at sale prices, the total now, and a product whose quota is too small.
    local shown = tonumber(ARGV[a + 6])
    local costs = shown
    local soldOut
    local overQuota
    for j = 0, items - 1 do
      local n = tonumber(ARGV[a + 9 + 2 * j])
      local quantity = tonumber(ARGV[a + 10 + 2 * j])
      local m = availabilityOf(n)
      if m[2] and now - tonumber(m[2]) < tonumber(ARGV[2]) then
        local price = tonumber(m[6])
        local salePrice = price
        if quantity > tonumber(m[1]) then soldOut = n end
        if tonumber(m[3]) <= acceptedAt and acceptedAt < tonumber(m[4]) then
          salePrice = tonumber(m[7])
          if quantity > tonumber(m[5]) then overQuota = n else price = salePrice end
        end
        shown = shown + salePrice * quantity
        costs = costs + price * quantity
      else
        shown = 0 / 0
      end
    end
    local expected = ARGV[a + 7]
    if overQuota and (expected == '' or (tonumber(expected) == shown and shown ~= costs)) then
      soldOut = soldOut or overQuota
    end
    if soldOut then
      answers[i] = { 'sold_out', soldOut }
    elseif ARGV[a + 4] ~= '' then
      answers[i] = { 'refused', ARGV[a + 4] }
    else
      ticket = redis.call('INCR', KEYS[1])
      redis.call('SET', key, join('0', ticket, '', ARGV[a + 1], ARGV[a + 2], ARGV[a]), 'EX', ARGV[1])
      answers[i] = { 'accepted', ticket, served, rate }
    end
  end
  a = a + 9 + 2 * items
end
return answers`;

/**
 * Returns the number of tickets served and the rate, then each order's record or an empty text, separated by line breaks:
 * one string, as the client is slow to parse a reply of many parts. Our JSON has no line breaks; in a record that an
 * operator edited they become spaces.
 */
const READ = `
local lines = { (redis.call('GET', KEYS[1]) or '') .. ' ' .. (redis.call('HGET', KEYS[2], 'rate') or '') }
for i, text in ipairs(redis.call('MGET', unpack(KEYS, 3))) do
  if text and (string.find(text, '\\n', 1, true) or string.find(text, '\\r', 1, true)) then
    text = string.gsub(text, '[\\r\\n]', ' ')
  end
  lines[i + 1] = text or ''
end
return table.concat(lines, '\\n')`;

/**
 * Replaces a record only by a higher version, so that a worker that was paused cannot publish an older state. Followers get
 * the change, and an order that leaves the waiting line counts as served. Returns the orders that were cancelled while they
 * were queued, each with who asked.
 */
const PUBLISH = `${RECORDS}
local cancelled = {}
local served = 0
local writtenOff = tonumber(redis.call('HGET', KEYS[2], 'writtenOff') or 0)
for i = 3, #KEYS do
  local key = KEYS[i]
  local a = 4 * i - 10
  local version, ticket, cancelledBy = read(key)
  if not version or tonumber(version) < tonumber(ARGV[a + 3]) then
    redis.call('SET', key, join(ARGV[a + 3], ticket or '', cancelledBy or '', ARGV[a + 1], ARGV[a + 2], ARGV[a]),
      'EX', ARGV[1])
    redis.call('PUBLISH', key, ARGV[a + 3] .. ' ' .. ARGV[a])
    if version == '0' and ticket ~= '' and tonumber(ticket) > writtenOff then served = served + 1 end
  end
  if cancelledBy and cancelledBy ~= '' then
    cancelled[#cancelled + 1] = i - 2
    cancelled[#cancelled + 1] = cancelledBy
  end
end
if served > 0 then redis.call('INCRBY', KEYS[1], served) end
return cancelled`;

/** Stores a cancellation in the record of a queued order; returns 0 if the order is not queued. */
const CANCEL_QUEUED = `${RECORDS}
local version, ticket, cancelledBy, storefront, fingerprint, status = read(KEYS[1])
if version ~= '0' then return 0 end
if cancelledBy == '' then
  redis.call('SET', KEYS[1], join(version, ticket, ARGV[1], storefront, fingerprint, status), 'KEEPTTL')
end
return 1`;

/** Longer than the interval at which clients should poll. */
const REMEMBERED_MS = 15_000;
/** Some 15 MB. */
const MOST_REMEMBERED = 20_000;

type ScriptedRedis = Redis & {
  antreanAdmit(keyCount: number, ...args: (string | number)[]): Promise<(string | number | null)[][]>;
  antreanRead(keyCount: number, ...keys: string[]): Promise<string>;
  antreanPublish(keyCount: number, ...args: (string | number)[]): Promise<(string | number)[]>;
  antreanCancelQueued(key: string, by: string): Promise<number>;
};

export class StatusRecords {
  readonly #redis: ScriptedRedis;
  readonly #keyspace: Keyspace;
  /** Clients poll, and parsing a record takes longer than the rest of the answer. */
  readonly #parsed = new TtlCache<ParsedRecord>({ forMs: REMEMBERED_MS, most: MOST_REMEMBERED });
  /** Admits an order, or refuses it. Concurrent calls share a round trip. */
  readonly admit: (arrival: Arrival) => Promise<Admission>;
  /** Undefined without a record. Concurrent calls share a round trip. */
  readonly read: (orderId: string) => Promise<PlacedRecord | undefined>;

  constructor(redis: Redis, keyspace: Keyspace) {
    // ioredis sends a script's text once, then its digest.
    redis.defineCommand('antreanAdmit', { lua: ADMIT });
    redis.defineCommand('antreanRead', { lua: READ, readOnly: true });
    redis.defineCommand('antreanPublish', { lua: PUBLISH });
    redis.defineCommand('antreanCancelQueued', { numberOfKeys: 1, lua: CANCEL_QUEUED });
    this.#redis = redis as ScriptedRedis;
    this.#keyspace = keyspace;
    this.admit = batchLoader((arrivals) => this.#admitAll(arrivals));
    this.read = batchLoader((orderIds) => this.#readAll(orderIds));
  }

  async #admitAll(arrivals: readonly Arrival[]): Promise<Admission[]> {
    const skus = new Map<string, number>();
    const fields = arrivals.flatMap(({ record, items, acceptedAtMs, refusal, ...arrival }) => [
      JSON.stringify(record.status),
      record.storefrontId,
      record.fingerprint,
      refusal.before ?? '',
      refusal.after ?? '',
      acceptedAtMs,
      arrival.shippingFeeRupiah ?? 0,
      arrival.expectedTotalRupiah ?? '',
      ...quantities(items, skus),
    ]);
    const products = [...skus.keys()];
    const { lineTickets, lineServed, lineDrain } = this.#keyspace;
    const keys = [
      lineTickets,
      lineServed,
      lineDrain,
      ...arrivals.map(({ record }) => this.#keyspace.status(record.status.orderId)),
      ...products.map((sku) => this.#keyspace.availability(sku)),
    ];
    const answers = await this.#redis.antreanAdmit(
      keys.length,
      ...keys,
      ...[RECORD_TTL_SECONDS, SNAPSHOT_VALID_MS, arrivals.length, ...fields],
    );
    return answers.map(([kind, ...rest]): Admission => {
      switch (kind) {
        case 'accepted':
          return { kind, place: ticketOf(Number(rest[0]), waitingLineStateOf(rest[1], rest[2])) };
        case 'known': {
          const parsed = parse(String(rest[0]));
          // The record is unreadable, and its order may exist.
          if (parsed === undefined) return { kind: 'refused', reason: 'damaged' };
          return { kind, record: placed(parsed, waitingLineStateOf(rest[1], rest[2])) };
        }
        case 'sold_out':
          return { kind, sku: products[Number(rest[0]) - 1] ?? '' };
        default:
          return { kind: 'refused', reason: String(rest[0]) };
      }
    });
  }

  async #readAll(orderIds: readonly string[]): Promise<(PlacedRecord | undefined)[]> {
    const { lineServed, lineDrain } = this.#keyspace;
    const keys = [lineServed, lineDrain, ...orderIds.map((orderId) => this.#keyspace.status(orderId))];
    const [line = '', ...lines] = (await this.#redis.antreanRead(keys.length, ...keys)).split('\n');
    const [tickets, rate] = line.split(' ');
    const state = waitingLineStateOf(tickets, rate);
    return lines.map((text, index) => {
      const parsed = this.#parse(orderIds[index] ?? '', text);
      return parsed === undefined ? undefined : placed(parsed, state);
    });
  }

  #parse(orderId: string, text: string): ParsedRecord | undefined {
    const known = this.#parsed.get(orderId);
    if (known?.text === text) return known;
    // A copy, as a slice of Redis's reply would keep the whole reply in memory.
    const parsed = parse(Buffer.from(text).toString());
    if (parsed !== undefined) this.#parsed.set(orderId, parsed);
    return parsed;
  }

  /**
   * In one round trip for any number of orders. Returns those that were cancelled while they were queued, and who
   * asked.
   */
  async publish(records: readonly StatusRecord[]): Promise<{ orderId: string; by: CancelledBy }[]> {
    if (records.length === 0) return [];
    const { lineServed, lineDrain } = this.#keyspace;
    const keys = [
      lineServed,
      lineDrain,
      ...records.map((record) => this.#keyspace.status(record.status.orderId)),
    ];
    const answer = await this.#redis.antreanPublish(
      keys.length,
      ...keys,
      RECORD_TTL_SECONDS,
      ...records.flatMap(({ status, storefrontId, fingerprint, version }) => [
        JSON.stringify(status),
        storefrontId,
        fingerprint,
        version,
      ]),
    );
    const cancelled: { orderId: string; by: CancelledBy }[] = [];
    for (let i = 0; i < answer.length; i += 2) {
      const orderId = records[Number(answer[i]) - 1]?.status.orderId ?? '';
      cancelled.push({ orderId, by: answer[i + 1] as CancelledBy });
    }
    return cancelled;
  }

  /** False if the order is not queued. `publish` reports the cancellation to the worker that reserves the order. */
  async cancelQueued(orderId: string, by: CancelledBy): Promise<boolean> {
    return (await this.#redis.antreanCancelQueued(this.#keyspace.status(orderId), by)) === 1;
  }
}

/** The number of distinct products, then each product's number in `skus` and its quantity over all order lines. */
function quantities(items: Arrival['items'], skus: Map<string, number>): number[] {
  const sums = new Map<string, number>();
  for (const { sku, quantity } of items) sums.set(sku, (sums.get(sku) ?? 0) + quantity);
  const flat = [sums.size];
  for (const [sku, quantity] of sums) {
    if (!skus.has(sku)) skus.set(sku, skus.size + 1);
    flat.push(skus.get(sku) ?? 0, quantity);
  }
  return flat;
}

/** Undefined if the text is no record. */
function parse(text: string): ParsedRecord | undefined {
  const [, version, ticket, , storefrontId = '', fingerprint = '', json = ''] = RECORD.exec(text) ?? [];
  if (version === undefined) return undefined;
  try {
    const status = JSON.parse(json) as OrderStatus;
    const record = { status, json, storefrontId, fingerprint, version: Number(version) };
    return { text, record, ticket: Number(ticket) };
  } catch {
    return undefined;
  }
}

function placed({ record, ticket }: ParsedRecord, line: WaitingLineState): PlacedRecord {
  return { ...record, place: record.version === 0 ? ticketOf(ticket, line) : undefined };
}

function ticketOf(ticket: number, line: WaitingLineState): Ticket {
  return { ticket, ...placeOf(ticket, line) };
}
