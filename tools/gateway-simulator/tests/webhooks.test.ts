import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { WebhookRecord } from '../src/webhooks.ts';
import { type Json, type OpenSimulator, openSimulator, serverKey } from './support.ts';

let sim: OpenSimulator;
beforeAll(async () => {
  sim = await openSimulator();
});
afterAll(() => sim.close());
afterEach(async () => {
  sim.answer(() => ({ status: 200 }));
  for (const gateway of ['midtrans', 'xendit'])
    await sim.control('webhook-faults', { gateway, mode: 'none' });
});
const recordOf = async (id: string, state: string) => {
  let found: WebhookRecord | undefined;
  await vi.waitFor(async () => {
    const records = await sim.show<WebhookRecord[]>('webhooks');
    found = records.findLast((r) => JSON.stringify(r.body).includes(id));
    expect(found?.state).toBe(state);
  });
  if (!found) throw new Error('no record');
  return found;
};
const paidAt = async (gateway: 'midtrans' | 'xendit', orderId: string) => {
  if (gateway === 'midtrans') await sim.page(orderId);
  else await sim.invoice(orderId);
  await sim.control('pay', { orderId });
};

describe('a webhook that the shop does not accept', () => {
  it.each([
    [200, 0, 'delivered'],
    [500, 1, 'gave_up'],
    [503, 4, 'gave_up'],
    [400, 2, 'gave_up'],
    [404, 2, 'gave_up'],
    [302, 0, 'gave_up'],
    [401, 5, 'gave_up'],
    [502, 5, 'gave_up'],
  ])('of Midtrans is sent again after status %i, %i times', async (status, retries, state) => {
    sim.answer(() => ({ status }));
    await paidAt('midtrans', `retry-${status}`);
    const { tries } = await recordOf(`retry-${status}`, state);
    expect(tries.map((t) => t.status)).toEqual(Array.from({ length: retries + 1 }, () => status));
  });

  it('of Midtrans follows 307 with its body, and not 303', async () => {
    sim.answer(({ path }) =>
      path === '/midtrans' ? { status: 307, location: '/elsewhere' } : { status: 200 },
    );
    await paidAt('midtrans', 'redirect-1');
    await recordOf('redirect-1', 'delivered');
    expect(sim.hooksOf('redirect-1').map(({ path }) => path)).toEqual(['/midtrans', '/elsewhere']);
  });

  it('of Midtrans is retried by the latest answer', async () => {
    sim.answer(() => ({ status: sim.hooksOf('retry-mixed').length > 2 ? 500 : 503 }));
    await paidAt('midtrans', 'retry-mixed');
    const { tries } = await recordOf('retry-mixed', 'gave_up');
    expect(tries.map((t) => t.status)).toEqual([503, 503, 500]);
  });

  it.each([400, 500, 503])(
    'of Xendit is sent six more times after %i, with the same webhook-id',
    async (status) => {
      sim.answer(() => ({ status }));
      await paidAt('xendit', `xretry-${status}`);
      const { tries } = await recordOf(`xretry-${status}`, 'gave_up');
      expect(tries).toHaveLength(7);
      expect(new Set(sim.hooksOf(`xretry-${status}`).map((h) => h.headers['webhook-id'])).size).toBe(1);
    },
  );

  it('of Xendit has another id in each attempt, or none, by a switch', async () => {
    sim.answer(() => ({ status: 500 }));
    await sim.control('switches', { xenditWebhookId: 'new_each_try' });
    await paidAt('xendit', 'xid-new');
    await recordOf('xid-new', 'gave_up');
    expect(new Set(sim.hooksOf('xid-new').map((h) => h.headers['webhook-id'])).size).toBe(7);
    await sim.control('switches', { xenditWebhookId: 'absent' });
    await paidAt('xendit', 'xid-none');
    expect((await sim.hookWhere((h) => h.body.external_id === 'xid-none')).headers).not.toHaveProperty(
      'webhook-id',
    );
    await sim.control('switches', { xenditWebhookId: 'stable' });
  });

  it('waits the gateway’s minutes times the clock factor', async () => {
    const slow = await openSimulator({ webhookClockFactor: 1 });
    try {
      slow.answer(() => ({ status: 503 }));
      await slow.page('clock-1');
      await slow.control('pay', { orderId: 'clock-1' });
      await slow.hookWhere(({ body }) => body.order_id === 'clock-1');
      // The first retry is at least 33 s away.
      expect(await slow.show<WebhookRecord[]>('webhooks')).toMatchObject([{ state: 'waiting' }]);
      expect((await slow.control('forget-webhooks', {})).body).toEqual({ dropped: 1 });
      expect(await slow.show('webhooks')).toEqual([]);
    } finally {
      await slow.close();
    }
  });
});

describe('webhook faults of both gateways', () => {
  it.each(['midtrans', 'xendit'] as const)(
    '%s: duplicate, drop, extra_fields, unknown_status',
    async (gateway) => {
      const one = async (mode: string) => {
        await sim.control('webhook-faults', { gateway, mode, times: 1 });
        await paidAt(gateway, `${gateway}-${mode}`);
        return `${gateway}-${mode}`;
      };
      const twice = await one('duplicate');
      await vi.waitFor(() => expect(sim.hooksOf(twice)).toHaveLength(2));
      const [a, b] = sim.hooksOf(twice);
      expect([a?.body, a?.headers['webhook-id']]).toEqual([b?.body, b?.headers['webhook-id']]);
      await recordOf(await one('drop'), 'dropped');
      expect(sim.hooksOf(`${gateway}-drop`)).toEqual([]);
      const extra = await one('extra_fields');
      expect((await sim.hookWhere((h) => JSON.stringify(h.body).includes(extra))).body).toHaveProperty(
        'some_new_field',
      );
      const unknown = await one('unknown_status');
      expect(
        JSON.stringify((await sim.hookWhere((h) => JSON.stringify(h.body).includes(unknown))).body),
      ).toContain('SOMETHING_NEW');
    },
  );

  it('reorder swaps the next two', async () => {
    await sim.control('webhook-faults', { gateway: 'midtrans', mode: 'reorder', times: 1 });
    await sim.page('swap-1');
    await sim.control('choose', { orderId: 'swap-1' });
    await sim.control('pay', { orderId: 'swap-1' });
    await vi.waitFor(() => expect(sim.hooksOf('swap-1')).toHaveLength(2));
    expect(sim.hooksOf('swap-1').map(({ body }) => body.transaction_status)).toEqual([
      'settlement',
      'pending',
    ]);
  });

  it('reorder sends the held message when there is none to swap it with', async () => {
    await sim.control('webhook-faults', { gateway: 'xendit', mode: 'reorder', times: 1 });
    await paidAt('xendit', 'held-1');
    await recordOf('held-1', 'held');
    await sim.control('webhook-faults', { gateway: 'xendit', mode: 'none' });
    await sim.hookWhere(({ body }) => body.external_id === 'held-1');
  });

  it('delay lets a later message arrive first', async () => {
    await sim.control('webhook-faults', { gateway: 'xendit', mode: 'delay', delayMs: 300, times: 1 });
    await paidAt('xendit', 'delay-1');
    await paidAt('xendit', 'delay-2');
    await sim.hookWhere(({ body }) => body.external_id === 'delay-1');
    const order = sim.hooks
      .map(({ body }) => body.external_id)
      .filter((id) => String(id).startsWith('delay'));
    expect(order).toEqual(['delay-2', 'delay-1']);
  });
});

describe('webhook faults of Midtrans', () => {
  const told = async (mode: string, act: 'pay' | 'choose' = 'pay') => {
    const orderId = `mid-${mode.replaceAll('_', '-')}-${act}`;
    await sim.page(orderId);
    await sim.control('webhook-faults', { gateway: 'midtrans', mode, times: 1 });
    await sim.control(act, { orderId });
    return (await sim.hookWhere(({ body }) => body.order_id === orderId)).body;
  };
  const isSigned = (body: Json) =>
    createHash('sha512')
      .update(`${String(body.order_id)}${String(body.status_code)}${String(body.gross_amount)}${serverKey}`)
      .digest('hex') === body.signature_key;

  it('break the signature, or sign false content', async () => {
    expect(isSigned(await told('bad_signature'))).toBe(false);
    const altered = await told('altered_status');
    expect([altered.transaction_status, isSigned(altered)]).toEqual(['refund', true]);
    const pending = await told('altered_status', 'choose');
    expect([pending.transaction_status, pending.status_code, isSigned(pending)]).toEqual([
      'settlement',
      '201',
      true,
    ]);
    const wrong = await told('wrong_amount');
    expect([wrong.gross_amount, isSigned(wrong)]).toEqual(['150001.00', true]);
    expect((await sim.status('mid-wrong-amount-pay')).gross_amount).toBe('150000.00');
    expect((await told('uppercase_status')).transaction_status).toBe('SETTLEMENT');
    expect(await told('no_fraud_status')).not.toHaveProperty('fraud_status');
  });

  it('sign with another secret by a switch', async () => {
    await sim.control('switches', { midtransSignatureSecret: 'other' });
    await paidAt('midtrans', 'secret-1');
    const { body } = await sim.hookWhere((h) => h.body.order_id === 'secret-1');
    expect(isSigned(body)).toBe(false);
    await sim.control('switches', { midtransSignatureSecret: null });
  });

  it('send a false state', async () => {
    await paidAt('midtrans', 'untrue-1');
    await sim.control('notify', { orderId: 'untrue-1', status: 'expire' });
    const { body } = await sim.hookWhere(
      (h) => h.body.order_id === 'untrue-1' && h.body.transaction_status === 'expire',
    );
    expect([body.status_code, isSigned(body)]).toEqual(['202', true]);
    expect((await sim.status('untrue-1')).transaction_status).toBe('settlement');
  });
});

describe('webhook faults of Xendit', () => {
  const told = async (mode: string) => {
    await sim.control('webhook-faults', { gateway: 'xendit', mode, times: 1 });
    await paidAt('xendit', `xen-${mode}`);
    return sim.hookWhere(({ body }) => body.external_id === `xen-${mode}`);
  };

  it('change or leave out the token, and the amount', async () => {
    expect((await told('wrong_token')).headers['x-callback-token']).not.toBe('token');
    expect((await told('missing_token')).headers).not.toHaveProperty('x-callback-token');
    expect((await told('wrong_amount')).body).toMatchObject({ amount: 150_001, paid_amount: 150_001 });
  });

  it('send the same event with a new id', async () => {
    await told('new_webhook_id');
    await vi.waitFor(() => expect(sim.hooksOf('xen-new_webhook_id')).toHaveLength(2));
    const [a, b] = sim.hooksOf('xen-new_webhook_id');
    expect(a?.body).toEqual(b?.body);
    expect(a?.headers['webhook-id']).not.toBe(b?.headers['webhook-id']);
  });

  it('nest a refund twice', async () => {
    const { id } = await sim.invoice('nested-1');
    await sim.control('pay', { orderId: 'nested-1' });
    await sim.control('webhook-faults', { gateway: 'xendit', mode: 'double_nested', times: 1 });
    await sim.xendit('POST', '/refunds', { invoice_id: id });
    const { body } = await sim.hookWhere((h) => h.body.event === 'refund.succeeded');
    expect(body).toMatchObject({ data: { event: 'refund.succeeded', data: { invoice_id: id } } });
  });
});
