import { describe, expect, it } from 'vitest';
import { readConfig } from './config.ts';

const env = { DATABASE_URL: 'postgres://127.0.0.1/antrean' };
const [old, next] = ['o'.repeat(32), 'n'.repeat(40)];

describe('the admin tokens', () => {
  it('may be several at once', () => {
    expect(readConfig({ ...env, ADMIN_TOKENS: old }).ADMIN_TOKENS).toEqual([old]);
    expect(readConfig({ ...env, ADMIN_TOKENS: `${old},${next}` }).ADMIN_TOKENS).toEqual([old, next]);
  });

  it('are required: the admin API does not start without one', () => {
    expect(() => readConfig(env)).toThrow(/^The admin API cannot start.*\n {2}ADMIN_TOKENS: is not set$/);
  });

  it.each(['', ',', 'short', `${old},`, `${old},short`, `${old}, ${next}`, `${old}\n`])(
    'are invalid as %j, and the error does not show them',
    (text) => {
      expect(() => readConfig({ ...env, ADMIN_TOKENS: text })).toThrow(/ADMIN_TOKENS: must be /);
      expect(() => readConfig({ ...env, ADMIN_TOKENS: text })).not.toThrow(old);
    },
  );
});
