import { Cluster, type Redis as RedisServer } from 'ioredis';
import { type Redis, serversOf } from '../connections.ts';

/** Replaces the first `from` by `to` in a field of a hash, or in a string if `field` is ''. */
interface Edit {
  field: string;
  from: string;
  to: string;
}

/** How a legacy key is moved. */
export interface KeyMove {
  /** For the report, in the plural. */
  kind: string;
  /** Its new name; undefined for a cache, which is deleted. */
  to: string | undefined;
  edits?: readonly Edit[];
  /** In a list or set: members that begin with `from` get the prefix `to` in its place. */
  members?: readonly { from: string; to: string }[];
}

export interface MovedKeys {
  /** The number of keys of each kind. */
  moved: ReadonlyMap<string, number>;
  deleted: number;
  /** Keys that are not Antrean's: they stay. */
  unknown: { count: number; examples: readonly string[] };
}

/**
 * Moves one key and edits its contents atomically, so that a killed run can be repeated. A list or set whose members are
 * renamed moves by one portion a call. Returns 0 if the key does not exist, 1 if it was moved completely, 2 if members
 * are left.
 *
 * The new key exists already only if new processes ran before the move was complete. Then lists and sets are merged, and
 * hashes keep the fields of the new key. Of two strings that begin with a number (counters, and status records with their
 * version) the higher one is kept, of other strings the new one.
 */
const MOVE = `
local from, to = KEYS[1], KEYS[2]
local portion, members, edits = ARGV[1], cjson.decode(ARGV[2]), cjson.decode(ARGV[3])
local type = redis.call('TYPE', from).ok
local isNew = redis.call('EXISTS', to) == 0
if type == 'none' then return 0 end

local function renamed(member)
  for _, change in ipairs(members) do
    local start = #change.from
    if string.sub(member, 1, start) == change.from then return change.to .. string.sub(member, start + 1) end
  end
  return member
end
local function edited(text, edit)
  local first, last = string.find(text, edit.from, 1, true)
  if first then return string.sub(text, 1, first - 1) .. edit.to .. string.sub(text, last + 1) end
end
local number = function(key) return tonumber(string.match(redis.call('GET', key), '^%d+')) end

if (type == 'list' or type == 'set' or type == 'zset') and (not isNew or #members > 0) then
  if type == 'list' then
    local some = redis.call('RPOP', from, portion)
    for i, member in ipairs(some) do some[i] = renamed(member) end
    redis.call('LPUSH', to, unpack(some))
  elseif type == 'set' then
    local some = redis.call('SPOP', from, portion)
    for i, member in ipairs(some) do some[i] = renamed(member) end
    redis.call('SADD', to, unpack(some))
  else
    local some = redis.call('ZPOPMIN', from, portion)
    for i = 1, #some, 2 do some[i], some[i + 1] = some[i + 1], renamed(some[i]) end
    redis.call('ZADD', to, 'NX', unpack(some))
  end
  return redis.call('EXISTS', from) + 1
end

if isNew then
  redis.call('RENAME', from, to)
elseif type == 'string' and (number(from) or 0) > (number(to) or 0) then
  redis.call('RENAME', from, to)
else
  if type == 'hash' then
    local fields = redis.call('HGETALL', from)
    for i = 1, #fields, 2 do redis.call('HSETNX', to, fields[i], fields[i + 1]) end
  end
  redis.call('UNLINK', from)
end
for _, edit in ipairs(edits) do
  if type == 'hash' and edit.field ~= '' then
    local text = edited(redis.call('HGET', to, edit.field) or '', edit)
    if text then redis.call('HSET', to, edit.field, text) end
  elseif type == 'string' and edit.field == '' then
    local text = edited(redis.call('GET', to), edit)
    if text then redis.call('SET', to, text, 'KEEPTTL') end
  end
end
return 1`;

const SCANNED_AT_ONCE = 500;
/** Members of a list or set in one call: some 5 ms of Redis. */
const PORTION = 1_000;
const EXAMPLES = 5;

type ScriptedRedis = RedisServer & {
  antreanMoveKey(from: string, to: string, portion: number, members: string, edits: string): Promise<number>;
};

/** All keys that begin with `prefix`, in portions. SCAN may return a key twice. */
async function* keysWith(redis: RedisServer, prefix: string): AsyncGenerator<string[]> {
  const pattern = `${prefix.replaceAll(/[\\*?[\]]/g, '\\$&')}*`;
  let cursor = '0';
  do {
    const [next, keys] = await redis.scan(cursor, 'MATCH', pattern, 'COUNT', SCANNED_AT_ONCE);
    cursor = next;
    yield keys;
  } while (cursor !== '0');
}

/** Whether any key that begins with `prefix` has to be moved or deleted. */
export async function hasKeysToMove(
  redis: Redis,
  prefix: string,
  moveOf: (key: string) => KeyMove | undefined,
): Promise<boolean> {
  for (const server of serversOf(redis)) {
    for await (const keys of keysWith(server, prefix)) {
      if (keys.some((key) => moveOf(key) !== undefined)) return true;
    }
  }
  return false;
}

/**
 * Moves every key that begins with `prefix`. A killed run can be repeated. Throws on a cluster, where a key and its new name
 * are on different nodes.
 */
export async function moveKeys(
  redis: Redis,
  prefix: string,
  moveOf: (key: string) => KeyMove | undefined,
): Promise<MovedKeys> {
  if (redis instanceof Cluster) {
    throw new Error(
      `Keys with old names (${prefix}*) cannot be moved within a Redis Cluster, and no release that made them ran on one. ` +
        'Nothing was moved. Run the release step on the single server that they come from, or delete them.',
    );
  }
  redis.defineCommand('antreanMoveKey', { numberOfKeys: 2, lua: MOVE });
  // Otherwise each of the first keys would send the script's text.
  await redis.script('LOAD', MOVE);
  const scripted = redis as ScriptedRedis;
  const moved = new Map<string, number>();
  const unknown = { count: 0, examples: [] as string[] };
  let deleted = 0;
  for await (const keys of keysWith(redis, prefix)) {
    const moves = keys.map((key) => ({ key, move: moveOf(key) }));
    await Promise.all(
      moves.map(async ({ key, move }) => {
        if (move === undefined) {
          unknown.count += 1;
          if (unknown.examples.length < EXAMPLES) unknown.examples.push(key);
          return;
        }
        const { kind, to, members = [], edits = [] } = move;
        if (to === undefined) {
          const wasThere = await redis.unlink(key);
          deleted += wasThere;
          return;
        }
        const args = [JSON.stringify(members), JSON.stringify(edits)] as const;
        let answer = 2;
        let isThere = false;
        while (answer === 2) {
          answer = await scripted.antreanMoveKey(key, to, PORTION, ...args);
          isThere ||= answer > 0;
        }
        if (isThere) moved.set(kind, (moved.get(kind) ?? 0) + 1);
      }),
    );
  }
  return { moved, deleted, unknown };
}
