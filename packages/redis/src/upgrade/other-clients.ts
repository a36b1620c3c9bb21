import type { Redis as RedisServer } from 'ioredis';
import { type Redis, serversOf } from '../connections.ts';

/** Another connection to Redis, which may be Antrean's. */
export interface RedisClient {
  id: string;
  address: string;
  /** BullMQ names its workers' connections: prefix, and queue in base64. */
  name: string;
  library: string;
  lastCommand: string;
  idleSeconds: number;
}

/** A replica, its primary, or a sentinel. */
const isOther = (flags: string, name: string) => /[SM]/.test(flags) || name.startsWith('sentinel-');

/**
 * The other connections to the same logical database, named ones first, without those that cannot be Antrean's: other
 * client libraries, and replication.
 */
export async function otherClients(redis: Redis): Promise<RedisClient[]> {
  return (await Promise.all(serversOf(redis).map((server) => clientsOf(server))))
    .flat()
    .toSorted((a, b) => Number(a.name === '') - Number(b.name === ''));
}

async function clientsOf(redis: RedisServer): Promise<RedisClient[]> {
  const own = String(await redis.client('ID'));
  const clients = String(await redis.client('LIST'))
    .split('\n')
    .map((line) => new Map(line.split(' ').map((pair) => splitOnce(pair))));
  const self = clients.find((client) => client.get('id') === own);
  const get = (client: Map<string, string>, field: string) => client.get(field) ?? '';
  const libraryOf = (client: Map<string, string>) => get(client, 'lib-name').replace(/\(.*/, '');
  return clients
    .filter(
      (client) =>
        client.has('id') &&
        client !== self &&
        client.get('db') === self?.get('db') &&
        !isOther(get(client, 'flags'), get(client, 'name')) &&
        // Servers before Redis 7.2 do not list libraries.
        ['', self === undefined ? '' : libraryOf(self)].includes(libraryOf(client)),
    )
    .map((client) => ({
      id: get(client, 'id'),
      address: get(client, 'addr'),
      name: get(client, 'name'),
      library: get(client, 'lib-name'),
      lastCommand: get(client, 'cmd'),
      idleSeconds: Number(get(client, 'idle')),
    }));
}

function splitOnce(pair: string): [string, string] {
  const at = pair.indexOf('=');
  return [pair.slice(0, at), pair.slice(at + 1)];
}
