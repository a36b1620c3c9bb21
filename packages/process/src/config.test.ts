import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { gatewayIdConfig, parseConfig, redisConfig } from './config.ts';

const parse = (url: string) => parseConfig('The test', z.object(redisConfig), { REDIS_URL: url });

describe('REDIS_URL', () => {
  it.each([
    'redis://127.0.0.1',
    'rediss://user:p%40ss@redis.example:6380/1',
    'redis+cluster://10.0.0.1:6379',
    'redis+cluster://:p%40ss@redis-0.example:6379,redis-1.example:6379,redis-2.example:6379',
  ])('accepts %s', (url) => {
    expect(parse(url).REDIS_URL).toBe(url);
  });

  it.each([
    '',
    '127.0.0.1',
    'redis+cluster://',
    'redis+cluster://10.0.0.1',
    'redis+cluster://10.0.0.1:6379,',
    'redis+cluster://10.0.0.1:6379,redis+cluster://10.0.0.2:6379',
    'redis+cluster://10.0.0.1:6379/1',
    'redis://10.0.0.1:6379,10.0.0.2:6379',
  ])('is invalid as %o', (url) => {
    expect(() => parse(url)).toThrow(/REDIS_URL: Invalid URL/);
  });
});

describe('the prefix of our ids at gateways', () => {
  const prefixOf = (env: { GATEWAY_ID_PREFIX?: string }) =>
    parseConfig('The test', z.object(gatewayIdConfig), env).GATEWAY_ID_PREFIX;

  it('is empty by default, and has at most eight small letters, digits and hyphens', () => {
    expect(prefixOf({})).toBe('');
    for (const prefix of ['', 'toko-a-', '12345678'])
      expect(prefixOf({ GATEWAY_ID_PREFIX: prefix })).toBe(prefix);
    for (const prefix of ['123456789', 'Toko', 'a_b', 'a b', '-\n'])
      expect(() => prefixOf({ GATEWAY_ID_PREFIX: prefix }), prefix).toThrow(
        /GATEWAY_ID_PREFIX: must be 0 to 8/,
      );
  });
});
