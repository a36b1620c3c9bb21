import { GATEWAY_SECRETS } from '@antrean/testing';
import { describe, expect, it } from 'vitest';
import { readConfig } from './config.ts';

const env = {
  REDIS_URL: 'redis://127.0.0.1',
  DATABASE_URL: 'postgres://127.0.0.1/antrean',
  PUBLIC_URL: 'http://127.0.0.1:3000',
  STATUS_TOKEN_SECRET: 's'.repeat(32),
};

describe('the secrets of webhooks', () => {
  it('may be several at once', () => {
    const config = readConfig({
      ...env,
      ...GATEWAY_SECRETS,
      MIDTRANS_SERVER_KEY: 'no longer a signature key',
      MIDTRANS_SIGNATURE_KEYS: 'old,new',
      XENDIT_CALLBACK_TOKEN: 'first',
      XENDIT_CALLBACK_TOKENS: 'second,third',
    });
    expect(config.webhookSecrets.get('midtrans')).toEqual(['old', 'new']);
    expect(config.webhookSecrets.get('xendit')).toEqual(['second', 'third', 'first']);
  });

  it('of Midtrans default to its server key', () => {
    const config = readConfig({
      ...{ ...env, ...GATEWAY_SECRETS },
      ...{ MIDTRANS_SERVER_KEY: 'key', XENDIT_CALLBACK_TOKENS: 'one', XENDIT_CALLBACK_TOKEN: undefined },
    });
    expect(config.webhookSecrets.get('midtrans')).toEqual(['key']);
    expect(config.webhookSecrets.get('xendit')).toEqual(['one']);
  });

  it('are required, and the error names every missing setting', () => {
    expect(() => readConfig({ ...env, REDIS_URL: undefined })).toThrow(
      /REDIS_URL: is not set\n.*MIDTRANS_SERVER_KEY: is not set\n.*XENDIT_CALLBACK_TOKEN: is not set/,
    );
  });

  it.each(['', ',', 'old,', 'old,,new', 'old, new'])('are invalid as the list %o', (text) => {
    const given = { ...env, ...GATEWAY_SECRETS };
    expect(() => readConfig({ ...given, MIDTRANS_SIGNATURE_KEYS: text })).toThrow(/MIDTRANS_SIGNATURE_KEYS/);
    expect(() => readConfig({ ...given, XENDIT_CALLBACK_TOKENS: text })).toThrow(/XENDIT_CALLBACK_TOKENS/);
  });
});
