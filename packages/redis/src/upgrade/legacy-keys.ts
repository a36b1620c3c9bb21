import type { Keyspace } from '../keyspace.ts';
import type { KeyMove } from './move-keys.ts';

/** The new name of each key from before the restructure of 2026-11-30, without BullMQ's keys. */
export function legacyKeyMoves(keyspace: Keyspace): (key: string) => KeyMove | undefined {
  const one = new Map<string, KeyMove>([
    ['line:tickets', { kind: 'counters of the waiting line', to: keyspace.lineTickets }],
    ['line:served', { kind: 'counters of the waiting line', to: keyspace.lineServed }],
    ['line:drain', { kind: 'counters of the waiting line', to: keyspace.lineDrain }],
    ['switches', { kind: 'settings', to: keyspace.switches }],
    ['switches:changes', { kind: 'settings', to: keyspace.switchChanges }],
    ['storefronts:keys', { kind: 'settings', to: keyspace.storefrontKeys }],
    ['storefronts:limits', { kind: 'settings', to: keyspace.storefrontLimits }],
    ['storefronts:revision', { kind: 'settings', to: keyspace.storefrontRevision }],
    ['catalogue-revision', { kind: 'settings', to: keyspace.catalogueRevision }],
  ]);
  const cache = (): KeyMove => ({ kind: 'cached answers', to: undefined });
  const many = new Map<string, (rest: string) => KeyMove>([
    [
      'status',
      (orderId) => ({
        kind: 'status records',
        to: keyspace.status(orderId),
        edits: [{ field: '', from: '"state":"coming"', to: '"state":"pending"' }],
      }),
    ],
    ['stock', (sku) => ({ kind: 'availability snapshots', to: keyspace.availability(sku) })],
    ['rate', (bucket) => ({ kind: 'rate limits', to: keyspace.rate(bucket) })],
    ['gateway', (gateway) => ({ kind: 'states of gateways', to: keyspace.gatewayHealth(gateway) })],
    [
      'pace',
      (rest) => {
        const [gateway = '', operation = ''] = rest.split(':');
        return { kind: 'states of gateways', to: keyspace.gatewayRate(gateway, operation) };
      },
    ],
    ['catalogue', cache],
    ['catalogue-lock', cache],
  ]);
  const prefix = legacyPrefix(keyspace);
  return (key) => {
    const name = key.slice(prefix.length);
    const colon = name.indexOf(':');
    const moveOf = colon < 0 ? undefined : many.get(name.slice(0, colon));
    return one.get(name) ?? moveOf?.(name.slice(colon + 1));
  };
}

/** The prefix from before the restructure, without a hash tag. */
export const legacyPrefix = (keyspace: Keyspace): string => `${keyspace.name}:`;
