import { afterEach, expect, it, vi } from 'vitest';
import {
  type BreakerState,
  type CreateOutcome,
  type PaymentGateway,
  type SetUpChange,
  withBreaker,
} from '../src/index.ts';

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

it('takes a call that was never made neither for a failure nor for a success', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const states: BreakerState[] = [];
  const { gateway, calls, say } = scripted();
  const g = withBreaker(gateway, { onStateChange: ({ creating }) => states.push(creating) });
  for (const code of ['timeout', 'timeout', 'timeout', 'timeout', 'rate_limited', 'http_429', 'timeout']) {
    say({ kind: 'not_sent', code });
    await g.create(request);
  }
  expect(states).toEqual(['open']);
  vi.setSystemTime(Date.now() + 10_001);
  say({ kind: 'not_sent', code: 'rate_limited' });
  expect(await g.create(request)).toEqual({ kind: 'not_sent', code: 'rate_limited' });
  expect(states).toEqual(['open', 'half_open']);
  // It still lets a call through, and that one decides.
  const before = calls();
  say({ kind: 'active', url: 'https://pay.test/1', gatewayRef: 'ref-1' });
  await g.create(request);
  expect(calls()).toBe(before + 1);
  expect(states).toEqual(['open', 'half_open', 'closed']);
});

it('lets one call through while half-open, and opens again if it fails', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const states: BreakerState[] = [];
  const { gateway, say } = scripted();
  const held = Promise.withResolvers<CreateOutcome>();
  let isHeld = false;
  const create: PaymentGateway['create'] = (r) => (isHeld ? held.promise : gateway.create(r));
  const g = withBreaker({ ...gateway, create }, { onStateChange: ({ creating }) => states.push(creating) });
  say({ kind: 'unknown', code: 'http_500' });
  for (let i = 0; i < 5; i += 1) await g.create(request);
  vi.setSystemTime(Date.now() + 10_001);
  isHeld = true;
  const trial = g.create(request);
  expect(await g.create(request)).toEqual({ kind: 'not_sent', code: 'breaker_open' });
  held.resolve({ kind: 'unknown', code: 'timeout' });
  await trial;
  expect(states).toEqual(['open', 'half_open', 'open']);
});

it('is not closed by an answer to a call from before it opened', async () => {
  const states: BreakerState[] = [];
  const { gateway, say } = scripted();
  const held = Promise.withResolvers<CreateOutcome>();
  let isHeld = true;
  const create: PaymentGateway['create'] = (r) => (isHeld ? held.promise : gateway.create(r));
  const g = withBreaker({ ...gateway, create }, { onStateChange: ({ creating }) => states.push(creating) });
  const late = g.create(request);
  isHeld = false;
  say({ kind: 'unknown', code: 'timeout' });
  for (let i = 0; i < 5; i += 1) await g.create(request);
  held.resolve({ kind: 'active', url: 'https://pay.test/1', gatewayRef: 'ref-1' });
  await late;
  expect(await g.create(request)).toEqual({ kind: 'not_sent', code: 'breaker_open' });
  expect(states).toEqual(['open']);
});

it('opens for a refused key, and tells once when it is refused and once when it is accepted again', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const states: BreakerState[] = [];
  const changes: SetUpChange[] = [];
  const { gateway, say } = scripted();
  const g = withBreaker(gateway, {
    onStateChange: ({ creating }) => states.push(creating),
    onSetUpChange: (change) => changes.push(change),
  });
  say({ kind: 'not_sent', code: 'http_401' });
  for (let i = 0; i < 8; i += 1) await g.create(request);
  expect(states).toEqual(['open']);
  expect(changes).toEqual([{ gateway: 'xendit', call: 'create', code: 'http_401' }]);
  vi.setSystemTime(Date.now() + 10_001);
  // A failure of the gateway says nothing about the key.
  say({ kind: 'unknown', code: 'timeout' });
  await g.create(request);
  expect(changes).toHaveLength(1);
  vi.setSystemTime(Date.now() + 10_001);
  say({ kind: 'declined', code: 'http_400', message: '' });
  await g.create(request);
  expect(states.at(-1)).toBe('closed');
  expect(changes.at(-1)).toEqual({ gateway: 'xendit', call: 'create', code: null });
});

it.each(['unknown_status', 'not_found', 'http_412'])(
  'takes %s for an answer of a gateway that works',
  async (code) => {
    const { gateway, calls, say } = scripted();
    const g = withBreaker(gateway);
    for (let i = 0; i < 4; i += 1) await g.status(q);
    say({ kind: 'unknown', code });
    await g.status(q);
    say({ kind: 'unknown', code: 'timeout' });
    for (let i = 0; i < 4; i += 1) await g.status(q);
    expect(calls()).toBe(9);
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
