import { describe, expect, it } from 'vitest';
import { readConfig } from './config.ts';

const env = {
  ...{
    DATABASE_URL: 'postgres://a@b/c',
    REDIS_URL: 'redis://d',
    MIDTRANS_SERVER_KEY: 'k',
    XENDIT_SECRET_KEY: 'k',
  },
  BANK_ACCOUNTS: 'BCA:1234567890:PT Toko',
};

describe('the configuration of a worker', () => {
  it('is read from an environment that is no plain object, as that of a process', () => {
    expect(readConfig(Object.assign(Object.create({}), env) as NodeJS.ProcessEnv)).toMatchObject({
      ...{ REDIS_URL: 'redis://d', ignoredProxy: [] },
    });
  });

  it('names the variables of a proxy that Node does not use', () => {
    const proxy = { HTTPS_PROXY: 'http://proxy', https_proxy: 'http://proxy', HTTP_PROXY: '', NO_PROXY: 'a' };
    expect(readConfig({ ...env, ...proxy }).ignoredProxy).toEqual(['HTTPS_PROXY', 'https_proxy']);
    expect(readConfig({ ...env, ...proxy, NODE_USE_ENV_PROXY: '1' }).ignoredProxy).toEqual([]);
  });
});
