import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Keyspace } from '@antrean/redis';
import { repoRoot } from '@antrean/testing/services';
import { describe, expect, it } from 'vitest';

/** Each key by the name of its member; methods get the arguments `a`, `b`. */
function keysOf(keyspace: Keyspace): Record<string, unknown> {
  const names = Object.getOwnPropertyNames(Keyspace.prototype).filter((name) => name !== 'constructor');
  return Object.fromEntries(
    names.map((name) => {
      const member: unknown = Reflect.get(keyspace, name);
      return [name, typeof member === 'function' ? Reflect.apply(member, keyspace, ['a', 'b']) : member];
    }),
  );
}

/** Files that handle old keys, without a hash tag. */
const OF_OLD_KEYS = [
  /^packages\/redis\/src\/upgrade\/legacy-keys\.ts$/,
  /^tests\/upgrade\//,
  /^tools\/bench\/src\/cost\/layout-23ab6f9\.ts$/,
];

describe('the keyspace', () => {
  it('puts every key in its hash tag', () => {
    expect(keysOf(new Keyspace('antrean'))).toEqual({
      all: '{antrean}:*',
      status: '{antrean}:status:a',
      lineTickets: '{antrean}:line:tickets',
      lineServed: '{antrean}:line:served',
      lineDrain: '{antrean}:line:drain',
      availability: '{antrean}:availability:a',
      rate: '{antrean}:rate:a',
      gatewayHealth: '{antrean}:gateway-health:a',
      gatewayRate: '{antrean}:gateway-rate:a:b',
      switches: '{antrean}:switches',
      switchChanges: '{antrean}:switch-changes',
      storefrontKeys: '{antrean}:storefront-keys',
      storefrontLimits: '{antrean}:storefront-limits',
      storefrontSettings: '{antrean}:storefront-settings',
      storefrontRevision: '{antrean}:storefront-revision',
      catalogueRevision: '{antrean}:catalogue-revision',
      catalogueEntry: '{antrean}:catalogue-entry:a',
      cataloguePlace: '{antrean}:catalogue-place:a',
      catalogueLock: '{antrean}:catalogue-lock:a',
    });
    expect(new Keyspace('antrean')).toMatchObject({ name: 'antrean', bullmq: '{antrean}' });
  });

  it.each(['', '{antrean}', 'a}b'])('refuses the name %o, which breaks the hash tag', (name) => {
    expect(() => new Keyspace(name)).toThrow('QUEUE_PREFIX');
  });

  it('is the only code that builds keys', () => {
    const KEYS_MADE_BY_HAND = [
      /\$\{[^{}]*(prefix|keyspace|bullmq)[^{}]*\}:/i,
      /(prefix|keyspace|keyspace\.name|bullmq)\s*\+\s*['"`]/i,
      /['"`]\{?antrean\}?:/,
    ];
    const sources = globSync('{apps,packages,tools,tests}/**/*.{ts,mjs}', {
      cwd: repoRoot,
      exclude: (file) => path.basename(file) === 'node_modules',
    }).filter((file) =>
      [/^packages\/redis\/(src|tests)\/keyspace\./, ...OF_OLD_KEYS].every((known) => !known.test(file)),
    );
    expect(sources.length).toBeGreaterThan(300);
    const found = sources.flatMap((file) =>
      readFileSync(path.join(repoRoot, file), 'utf8')
        .split('\n')
        .flatMap((line, index) =>
          KEYS_MADE_BY_HAND.some((pattern) => pattern.test(line))
            ? [`${file}:${index + 1} ${line.trim()}`]
            : [],
        ),
    );
    expect(found, 'use a member of Keyspace, or queueKeys of @antrean/queue').toEqual([]);
  });
});
