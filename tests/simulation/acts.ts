// The steps of the model: acts of workers, customers, operators, banks and gateways.
import { randomUUID } from 'node:crypto';
import type { PaymentAttempt } from '@antrean/db';
import { anAcceptedOrder } from '@antrean/testing';
import { reserveBatch } from '@antrean/worker';
import {
  type Condition,
  CONDITIONS,
  forgedFor,
  jobOf,
  type LedgerPayment,
  returnedOf,
  type Webhook,
} from './gateways.ts';
import { MINUTE, picked, SECOND, type Step } from './schedule.ts';
import type { Job } from './workers.ts';
import { isTransfer, PRICE_RUPIAH, type Transfer, type World } from './world.ts';

const DAY = 24 * 60 * MINUTE;

/** The actor of jobs that an operator asks for. */
const BY_ADMIN = { requestedBy: 'admin' } as const;

/** Does one step. `look` reads the result and checks the invariants. */
export async function act(
  world: World,
  { act: what, pick, choice }: Step,
  { sku, look }: { sku: string; look: () => Promise<void> },
): Promise<void> {
  const { workers } = world;
  switch (what) {
    case 'job': {
      const job = picked(workers.waiting(), pick);
      if (job !== undefined) await workers.execute(job);
      return;
    }
    case 'resume':
    case 'kill': {
      const parked = picked(workers.parked, pick);
      if (parked !== undefined) await workers.goOn(parked, what === 'resume');
      return;
    }
    case 'land':
      world.late.shift()?.();
      return;
    case 'work':
      return work(world, 1 + (pick % 6) * 2, { isOutage: pick >= 8, look });
    case 'tick':
      return world.advance([1, 20, 61, 150, 300, 600, 1_200, 1_740, 1_900, 3_700][pick % 10] ?? 1);
    case 'sweep':
      return workers.sweep();
    case 'pay':
      return pay(world, pick, choice);
    case 'old':
      return pay(world, pick, choice, [...world.known].slice(0, -1));
    case 'stall':
      return stall(world, pick);
    case 'refund':
      return askRefund(world, pick);
    case 'manualRefund': {
      const refund = picked(await world.manualRefundsDue(), pick);
      // Two operators may both pay it out.
      if (refund === undefined) return;
      for (let n = 0; n < 1 + (pick % 2); n += 1) payOut(world, refund);
      return;
    }
    case 'outside': {
      const payment = picked(world.ledger(), pick);
      if (payment === undefined) return;
      const rest = payment.amountRupiah - returnedOf(payment);
      const rupiah = pick % 2 === 0 ? rest : Math.min(20_000, rest);
      if (rupiah > 0) world.gatewayOf(payment.gateway).refundOutside(payment, rupiah);
      return;
    }
    case 'chargeback': {
      const disputable = world.ledger().filter((payment) => isDisputable(payment, world.nowMs));
      const payment = picked(disputable, pick);
      if (payment !== undefined) world.gatewayOf(payment.gateway).chargeBack(payment);
      return;
    }
    case 'win': {
      const disputed = world.ledger().filter(({ isChargedBack }) => isChargedBack);
      const payment = picked(disputed, pick);
      if (payment !== undefined) world.gatewayOf(payment.gateway).winDispute(payment);
      return;
    }
    case 'void':
    case 'release':
    case 'ship': {
      const order = picked(world.orders, pick);
      if (order === undefined) return;
      const { orderId } = order;
      const why = { reason: 'diperiksa', ...BY_ADMIN };
      if (what === 'void') workers.ask('void-order', { orderId, ...why });
      else if (what === 'release') workers.ask('release-order', { orderId, ...why });
      else {
        const parcel = { carrier: 'JNE', trackingNumber: 'JNE1', ...BY_ADMIN };
        workers.ask('ship-order', { orderId, requestId: 'r', ...parcel });
      }
      return;
    }
    case 'switch': {
      const order = picked(world.orders, pick);
      if (order === undefined) return;
      const { orderId, requestId, payment } = order;
      const method = pick % 3 === 0 ? 'online' : 'bank_transfer';
      // The customer may ask from an outdated page.
      const replaces = pick === 10 ? (world.attempts[0]?.id ?? null) : (payment?.attemptId ?? null);
      const asked = { orderId, requestId, method, replaces, requestedBy: 'customer' } as const;
      workers.ask('change-payment-method', asked);
      return;
    }
    case 'cancel': {
      const order = picked(world.orders, pick);
      if (order === undefined) return;
      const { orderId, requestId } = order;
      workers.ask('cancel-order', { orderId, requestId, requestedBy: 'customer' });
      return;
    }
    case 'place':
      if (world.orderIds.length < 2) await place(world, sku, pick % 3 === 0 ? 'bank_transfer' : 'online');
      return;
    case 'proof': {
      const attempt = picked(world.attempts.filter(isTransfer), pick);
      if (attempt === undefined) return;
      const { id: attemptId, orderId } = attempt;
      const proof = {
        orderId,
        attemptId,
        requestId: 'r',
        reference: 'foto',
        requestedBy: 'customer',
      } as const;
      workers.ask('attach-transfer-proof', proof);
      return;
    }
    case 'confirm': {
      const transfer = picked(world.transfers, pick);
      if (transfer !== undefined) confirm(world, transfer);
      return;
    }
    case 'reject': {
      const attempt = picked(world.attempts.filter(isTransfer), pick);
      if (attempt !== undefined) reject(world, attempt);
      return;
    }
    case 'webhook':
    case 'repeat': {
      const webhook = picked(world.webhooks, pick);
      if (webhook !== undefined) deliver(world, webhook, { again: what === 'repeat' });
      return;
    }
    case 'drop': {
      const webhook = picked(world.webhooks, pick);
      if (webhook === undefined) return;
      world.webhooks.splice(world.webhooks.indexOf(webhook), 1);
      return;
    }
    case 'forge': {
      const attempt = picked(
        world.attempts.filter((one) => !isTransfer(one)),
        pick,
      );
      if (attempt === undefined) return;
      deliver(world, forgedFor(attempt));
      return;
    }
    case 'alter': {
      const webhook = picked(world.delivered, choice);
      if (webhook !== undefined) deliverAltered(world, webhook, pick);
      return;
    }
    case 'trouble': {
      const condition = picked<Condition>(CONDITIONS, choice) ?? 'silent';
      // A wrong key is noticed soon; a gateway may be away for longer than all tries of a job take.
      const minutes = condition === 'wrong_key' ? 1 + (pick % 3) : 20 + pick;
      for (const [index, { name }] of world.gateways.entries())
        if (pick % 3 !== index)
          world.troubles.set(name, { condition, untilMs: world.nowMs + minutes * MINUTE });
      // Workers try it for its whole length, or other acts come between.
      if (pick >= 6) await work(world, minutes + 2, { isOutage: false, look, everySeconds: 60 });
      return;
    }
    case 'days':
      return passDays(world, [1, 3, 10, 40][pick % 4] ?? 1, look);
    case 'resolve': {
      const open = picked(await world.openExceptions(), pick);
      if (open !== undefined)
        workers.ask('resolve-exception', { exceptionId: open.id, resolution: 'beres', ...BY_ADMIN });
      return;
    }
    case 'reverse': {
      const recent = world
        .ledger()
        .filter(({ mayReverse, atMs }) => mayReverse && world.nowMs - atMs < 5 * MINUTE);
      const payment = picked(recent, pick);
      if (payment !== undefined) world.gatewayOf(payment.gateway).reverse(payment);
      return;
    }
  }
  what satisfies never;
}

/** Pays the first order, and lets workers record it. */
export async function payFirst(world: World, paidBy: number): Promise<void> {
  await world.workers.workOff();
  await world.observe();
  pay(world, 0, paidBy);
  for (const transfer of world.transfers) confirm(world, transfer);
  for (const webhook of world.webhooks.splice(0)) deliver(world, webhook);
  await world.workers.workOff();
  await world.observe();
}

export async function place(
  world: World,
  sku: string,
  paymentMethod: 'online' | 'bank_transfer',
): Promise<void> {
  const order = anAcceptedOrder({
    ...{ acceptedAtMs: world.nowMs, paymentMethod, items: [{ sku, quantity: 1 }] },
  });
  world.orderIds.push(order.orderId);
  const { workers, db } = world;
  await Promise.all(
    await reserveBatch({ ...workers.deps, db, producer: workers.faultlessProducer() }, [order]),
  );
}

function pay(world: World, pick: number, choice: number, from = [...world.known]): void {
  const [key, seen] = picked(from, pick) ?? [];
  if (key === undefined || seen === undefined) return;
  if (seen.gateway !== 'bank_transfer') {
    world.gatewayOf(seen.gateway).visit(key, choice);
    return;
  }
  const { attemptId, amountRupiah: exact } = seen;
  const sentRupiah = world.transfers
    .filter((one) => one.attemptId === attemptId)
    .reduce((sum, one) => sum + one.amountRupiah, 0);
  for (const amountRupiah of sentBy(choice, { exact, sentRupiah }))
    world.transfers.push({
      ...{ attemptId, amountRupiah, isConfirmed: false },
      reference: `${attemptId}/line${world.serial()}`,
    });
}

/** The amounts that a customer transfers, who has sent `sentRupiah` before. */
function sentBy(choice: number, { exact, sentRupiah }: { exact: number; sentRupiah: number }): number[] {
  const rest = exact - sentRupiah;
  const part = 20_000;
  switch (choice) {
    case 0:
      return [exact - 1];
    case 1: // without the digits that identify the order
      return [PRICE_RUPIAH];
    case 2:
      return [exact + 10_000];
    case 3:
      return [part];
    case 4:
      return [part, exact - part];
    case 5:
      return [exact, exact];
    case 6:
    case 7:
    case 8:
    case 9:
    case 10:
      return [rest > 0 ? rest : exact];
    default:
      return [exact];
  }
}

function confirm({ workers }: World, transfer: Transfer): void {
  const { attemptId, amountRupiah, reference: bankReference } = transfer;
  transfer.isConfirmed = true;
  workers.ask('confirm-transfer', { attemptId, amountRupiah, bankReference, requestId: 'r', ...BY_ADMIN });
}

function reject({ workers }: World, { id: attemptId }: PaymentAttempt): void {
  workers.ask('reject-transfer', { attemptId, reason: 'tidak ada', requestId: 'r', ...BY_ADMIN });
}

/** Requests refunds: of a part or all, once or twice, under one id or two, or for an open exception. */
async function askRefund({ db, workers, attempts }: World, pick: number): Promise<void> {
  const attempt = picked(
    attempts.filter(({ receivedRupiah }) => receivedRupiah !== null),
    Math.floor(pick / 6),
  );
  if (attempt === undefined) return;
  const { id: attemptId, receivedRupiah, returnedRupiah } = attempt;
  const rest = Math.max((receivedRupiah ?? 0) - returnedRupiah, 1);
  const open = await db
    .selectFrom('paymentExceptions')
    .select('id')
    .where('attemptId', '=', attemptId)
    .where('state', '=', 'open')
    .executeTakeFirst();
  const [amountRupiah, times, ids] = (
    [
      [20_000, 1, 1],
      [rest, 1, 1],
      [20_000, 2, 1],
      [rest, 2, 2],
      [rest, 1, 1],
      [30_000, 2, 2],
    ] as const
  )[pick % 6] ?? [rest, 1, 1];
  const first = randomUUID();
  for (let n = 0; n < times; n += 1)
    workers.ask('request-refund', {
      ...{ refundId: `ad-${ids === 1 || n === 0 ? first : randomUUID()}`, attemptId, amountRupiah },
      exceptionId: pick % 6 === 4 ? (open?.id ?? null) : null,
      ...{ reason: 'diminta', ...BY_ADMIN },
    });
}

function payOut(world: World, { id: refundId }: { id: string }): void {
  const reference = `${refundId}/out${world.serial()}`;
  world.workers.ask('record-manual-refund', { refundId, reference, ...BY_ADMIN });
}

/** Lets another worker repeat the jobs of a stalled worker's order. */
async function stall(world: World, pick: number): Promise<void> {
  const { workers } = world;
  const parked = picked(workers.parked, pick);
  if (parked === undefined) return;
  await world.advance(61);
  await workers.sweep();
  const of = (job: Job) => (/[0-9a-f]{8}-[0-9a-f-]{27}/.exec(JSON.stringify(job.payload)) ?? [])[0];
  const sameOrder = workers.waiting().filter((job) => of(job) === of(parked.job));
  for (const job of sameOrder.slice(0, 2)) await workers.execute(job);
  if (pick % 2 === 0 && workers.parked.includes(parked)) await workers.goOn(parked, true);
}

/** `again`: the webhook will be delivered once more. */
export function deliver(world: World, webhook: Webhook, { again = false } = {}): void {
  const { workers, webhooks, delivered, told } = world;
  const { tells } = webhook;
  const index = webhooks.indexOf(webhook);
  if (!again && index >= 0) webhooks.splice(index, 1);
  if (index >= 0) delivered.push(webhook);
  if (tells !== undefined) told.add(tells);
  const job = jobOf(webhook);
  if (job?.name === 'apply-payment-event') workers.ask(job.name, job.payload);
  else if (job !== undefined) workers.ask(job.name, job.payload);
}

/** Someone sends a webhook again and again, with other values in the fields that no signature covers. */
function deliverAltered(world: World, { gateway, body }: Webhook, pick: number): void {
  const other = picked(world.delivered, pick)?.body['transaction_id'] ?? 'none';
  for (let n = 0; n <= pick; n += 1) {
    const altered =
      gateway === 'midtrans'
        ? {
            ...{ settlement_time: `2030-01-01 00:00:${10 + n}`, payment_type: 'qris' },
            ...(n % 3 === 1 ? { transaction_id: other } : {}),
            ...(n % 3 === 2 ? { transaction_id: `${String(body['order_id'])}-other${n}` } : {}),
            ...(n % 2 === 1 ? { transaction_status: 'settlement' } : {}),
          }
        : { updated: `2030-01-01T00:00:${10 + n}Z`, payment_channel: 'QRIS' };
    deliver(world, { gateway, body: { ...body, ...altered } });
  }
}

/** Workers run waiting jobs and sweep every ten seconds; during an outage no gateway answers. */
async function work(
  world: World,
  rounds: number,
  {
    isOutage,
    look,
    everySeconds = 10,
  }: { isOutage: boolean; look: () => Promise<void>; everySeconds?: number },
): Promise<void> {
  const { workers } = world;
  workers.isOutage = isOutage;
  for (let round = 0; round < rounds; round += 1) {
    const { isHealthy } = workers;
    const { isInTrouble } = world;
    await world.advance(everySeconds);
    // Workers do no more in a longer round.
    world.workedMs += 10 * SECOND;
    if (isHealthy && !isInTrouble) world.healthyMs += 10 * SECOND;
    await workers.sweep();
    if ((await workers.workOff()) > 0) await look();
  }
  workers.isOutage = false;
}

/** Workers work, and what is due within some hours is done together. */
async function passDays(world: World, days: number, look: () => Promise<void>): Promise<void> {
  const endMs = world.nowMs + days * DAY;
  for (let round = 0; round < 60 && world.nowMs < endMs; round += 1) {
    const nextMs = (await world.nextMs()) ?? endMs;
    const stepMs = Math.max(nextMs - world.nowMs, Math.min(10 * SECOND * 2 ** round, DAY / 4));
    await world.advance(Math.min(stepMs, endMs - world.nowMs) / SECOND);
    for (const { id } of world.attempts) for (const gateway of world.gateways) gateway.payable(id);
    await world.workers.sweep();
    if ((await world.workers.workOff()) > 0) await look();
  }
}

/** Cards can be disputed for four months, wallets for six weeks. */
const isDisputable = ({ method, atMs }: LedgerPayment, nowMs: number): boolean =>
  nowMs - atMs < (method === 'credit_card' ? 115 : 40) * DAY;

/** An operator decides everything that waits for review. Returns false if nothing waits. */
export async function operatorReviews(world: World, { isPaidOut }: { isPaidOut: boolean }): Promise<boolean> {
  const open = world.transfers.filter(({ isConfirmed }) => !isConfirmed);
  for (const transfer of open) confirm(world, transfer);
  await world.workers.workOff();
  await world.observe();
  const waiting = world.attempts.filter((one) => isTransfer(one) && one.state === 'active');
  for (const attempt of waiting) reject(world, attempt);
  const dueRefunds = isPaidOut ? await world.manualRefundsDue() : [];
  for (const refund of dueRefunds) payOut(world, refund);
  return open.length + waiting.length + dueRefunds.length > 0;
}
