import { afterEach, expect, it, vi } from 'vitest';
import { type BreakerState, type CreateOutcome, type PaymentGateway, withBreaker } from '../src/index.ts';

const request = {
  attemptId: 'a-1',
  amountRupiah: 1000,
  expiresAt: new Date('2026-01-15T00:00:00Z'),
  customer: { name: 'Budi', email: 'budi@example.test', phone: '' },
  description: '',
};
const q = { attemptId: 'a-1' };
const refund = { ...q, refundId: 'r-1', amountRupiah: 1, paidRupiah: 1, reason: '' };

function scripted() {
  let outcome: CreateOutcome = { kind: 'unknown', code: 'timeout' };
  let calls = 0;
  const answer = async () => {
    calls += 1;
    return outcome as never;
  };
  const gateway: PaymentGateway = {
    name: 'xendit',
    create: answer,
    status: answer,
    close: answer,
    refund: answer,
    refundStatus: answer,
    strayStatus: answer,
    listPaid: async () => {
      calls += 1;
      return { unknown: 'timeout' };
    },
  };
  return { gateway, calls: () => calls, say: (next: CreateOutcome) => (outcome = next) };
}

afterEach(() => vi.useRealTimers());

it('the breaker of create reports when it opens, half-opens and closes', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const states: BreakerState[] = [];
  const { gateway, say } = scripted();
  const g = withBreaker(gateway, { onStateChange: ({ creating }) => states.push(creating) });
  for (let i = 0; i < 5; i += 1) await g.create(request);
  expect(states).toEqual(['open']);
  say({ kind: 'declined', code: 'bad', message: '' });
  vi.setSystemTime(Date.now() + 10_001);
  await g.create(request);
  expect(states).toEqual(['open', 'half_open', 'closed']);
});

it.each(['rate_limited', 'breaker_open', 'http_429', 'wrong_order'])(
  'a breaker does not open for %s',
  async (code) => {
    const { gateway, calls, say } = scripted();
    const g = withBreaker(gateway);
    say({ kind: 'not_sent', code });
    for (let i = 0; i < 10; i += 1) expect(await g.create(request)).toEqual({ kind: 'not_sent', code });
    expect(calls()).toBe(10);
  },
);

it('each kind of call has a breaker of its own', async () => {
  const { gateway, calls } = scripted();
  const g = withBreaker(gateway);
  const code = 'breaker_open';
  const kinds: [() => Promise<unknown>, unknown][] = [
    [() => g.create(request), { kind: 'not_sent', code }],
    [() => g.status(q), { kind: 'unknown', code }],
    [() => g.close(q), { kind: 'unknown', code }],
    [() => g.refund(refund), { kind: 'not_sent', code }],
    [() => g.refundStatus(refund), { kind: 'unknown', code }],
    [() => g.listPaid({ from: new Date(), to: new Date() }), { unknown: code }],
  ];
  for (const [call, whenOpen] of kinds) {
    for (let i = 0; i < 5; i += 1) expect(await call()).not.toEqual(whenOpen);
    expect(await call()).toEqual(whenOpen);
  }
  expect(calls()).toBe(30);
});
