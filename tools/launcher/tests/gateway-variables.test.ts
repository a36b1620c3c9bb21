import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseEnv } from 'node:util';
import { gatewaySettings, webhookSecrets } from '@antrean/payments';
import { GATEWAY_SECRETS } from '@antrean/testing';
import { gatewayBaseUrls, gatewayWebhookUrls, repoRoot } from '@antrean/testing/services';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const read = (file: string) => readFileSync(path.join(repoRoot, file), 'utf8');
const BASE_URLS = Object.keys(gatewayBaseUrls(''));

type Env = NodeJS.Dict<string>;
/** The variables that a process with this environment refuses to start without. */
const missingIn = (env: Env, schema: typeof gatewaySettings | typeof webhookSecrets) =>
  schema.safeParse(env).error?.issues.map(({ path: [name] }) => name) ?? [];
const unnamedIn = (env: Env, names: readonly string[]) => names.filter((name) => !(name in env));

describe('the variables of every gateway', () => {
  it('are set by docker-compose.yml for worker, API and simulator', () => {
    const { services } = parse(read('docker-compose.yml'), { merge: true }) as {
      services: Record<string, { environment?: Record<string, string | null> }>;
    };
    // A variable without a value is passed on only when it is set outside. Of the others, the default counts.
    const envOf = (service: string): Env =>
      Object.fromEntries(
        Object.entries(services[service]?.environment ?? {}).flatMap(([name, value]) =>
          value === null ? [] : [[name, value.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1')]],
        ),
      );
    const simulated = [...Object.keys(GATEWAY_SECRETS), ...Object.keys(gatewayWebhookUrls(''))];
    const worker = envOf('worker');
    expect({
      worker: [...missingIn(worker, gatewaySettings), ...unnamedIn(worker, BASE_URLS)],
      api: missingIn(envOf('api'), webhookSecrets),
      simulator: unnamedIn(envOf('simulator'), simulated),
    }).toEqual({ worker: [], api: [], simulator: [] });
  });

  it('are listed in .env.example, those that are required with a value', () => {
    const text = read('.env.example');
    const env = parseEnv(text);
    const listed = parseEnv(text.replaceAll(/^#(?=[A-Z_]+=)/gm, ''));
    const missing = [
      ...missingIn(env, gatewaySettings),
      ...missingIn(env, webhookSecrets),
      ...unnamedIn(listed, BASE_URLS),
    ];
    expect([...new Set(missing)]).toEqual([]);
  });
});
