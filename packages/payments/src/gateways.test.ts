import { ONLINE_GATEWAYS, ONLINE_METHODS } from '@antrean/domain';
import { GATEWAY_SECRETS } from '@antrean/testing';
import { describe, expect, it } from 'vitest';
import { GATEWAYS, gatewaySettings, hasOneOf, paymentClaimOf, webhookSecrets } from './gateways.ts';

const namedIn = (error: { issues: { path: PropertyKey[] }[] } | undefined) =>
  error?.issues.map(({ path }) => path.join('.'));

describe('the settings of gateways', () => {
  it('are read in the order of fallback, each with its adapter', () => {
    const settings = gatewaySettings.parse(GATEWAY_SECRETS);
    expect([...settings.keys()]).toEqual(ONLINE_GATEWAYS);
    for (const [name, { open }] of settings) expect(open({ timeoutMs: 1_000 }).name).toBe(name);
    expect(settings.get('midtrans')?.callsPerMinute).toBe(1_200);
    const slower = { ...GATEWAY_SECRETS, XENDIT_CALLS_PER_MINUTE: '60' };
    expect(gatewaySettings.parse(slower).get('xendit')?.callsPerMinute).toBe(60);
  });

  it('report every bad value of every gateway at once', () => {
    const env = { ...GATEWAY_SECRETS, MIDTRANS_SERVER_KEY: undefined };
    const wrong = { MIDTRANS_PRODUCTION: 'yes', XENDIT_SECRET_KEY: '', XENDIT_BASE_URL: 'nowhere' };
    expect(namedIn(gatewaySettings.safeParse({ ...env, ...wrong }).error)).toEqual([
      'MIDTRANS_SERVER_KEY',
      'MIDTRANS_PRODUCTION',
      'XENDIT_SECRET_KEY',
      'XENDIT_BASE_URL',
    ]);
    const badList = { XENDIT_CALLBACK_TOKENS: 'a, b' };
    expect(namedIn(webhookSecrets.safeParse({ ...env, ...badList }).error)).toEqual([
      'MIDTRANS_SERVER_KEY',
      'XENDIT_CALLBACK_TOKENS',
    ]);
  });
});

it('the claim of a stored event is read by the parser of its own gateway', () => {
  const notification = { transaction_status: 'settlement', status_code: '200', gross_amount: '5000.00' };
  expect(paymentClaimOf('midtrans', notification)).toEqual({ claimsPaid: true, claimedRupiah: 5_000 });
  expect(paymentClaimOf('xendit', notification)).toEqual({ claimsPaid: false, claimedRupiah: null });
});

it('each webhook is documented once, with examples of its body', () => {
  const documents = Object.values(GATEWAYS).flatMap(({ webhooks }) => webhooks?.document ?? []);
  expect(new Set(documents.map(({ operationId }) => operationId)).size).toBe(documents.length);
  for (const { body } of documents) expect(JSON.stringify(body('a-1'))).toContain('"a-1"');
});

describe('the ways to pay online', () => {
  it('are each at one gateway at least, and have different names at a gateway', () => {
    for (const method of ONLINE_METHODS)
      expect(
        ONLINE_GATEWAYS.some((name) => hasOneOf(name, [method])),
        method,
      ).toBe(true);
    for (const name of ONLINE_GATEWAYS) {
      const names = Object.values(GATEWAYS[name].methods).filter((each) => each !== null);
      expect(new Set(names).size).toBe(names.length);
    }
  });

  it('decide which gateways can make a link', () => {
    expect([hasOneOf('midtrans', ['gopay']), hasOneOf('xendit', ['gopay'])]).toEqual([true, false]);
    expect([hasOneOf('midtrans', ['linkaja']), hasOneOf('xendit', ['linkaja'])]).toEqual([false, true]);
    expect(hasOneOf('xendit', ['gopay', 'qris'])).toBe(true);
    expect(hasOneOf('xendit', null)).toBe(true);
  });
});
