import { createHash } from 'node:crypto';
import type { PaymentAttempt } from '@antrean/db';
import { GATEWAYS, httpFailure } from '@antrean/payments';
import type { JobDependencies } from '@antrean/worker';
import { ViolationError } from './violation.ts';

type Gateway = JobDependencies['gateways'][number];
export type GatewayName = 'midtrans' | 'xendit';
export type Status = Awaited<ReturnType<Gateway['status']>>;
export type RefundAnswer = Awaited<ReturnType<Gateway['refundStatus']>>;
type RefundRequest = Parameters<Gateway['refund']>[0];
export type Question = Parameters<Gateway['status']>[0];

/** A payment of a customer, in the gateway's records. */
export interface LedgerPayment {
  gateway: GatewayName;
  attemptId: string;
  transactionId: string;
  /** All that the customer paid. */
  amountRupiah: number;
  /** The part of it that the gateway charged the customer on top of the shop's amount. */
  feeRupiah: number;
  atMs: number;
  method: string;
  mayReverse: boolean;
  isReversed: boolean;
  /** The payer's bank took it back; the shop may still win the dispute. */
  isChargedBack: boolean;
  /** Paid after the invoice had expired: the gateway says so in a webhook, but its status stays expired. */
  isUnconfirmed: boolean;
  refunds: Map<string, LedgerRefund>;
}

export interface LedgerRefund {
  amountRupiah: number;
  atMs: number;
  /** The refund is pending until then. */
  endsMs: number;
  /** failing: the gateway accepts the refund, and refuses it in the end. */
  state: 'going' | 'failing' | 'refused';
  /** Made on the gateway's own pages, not by us. */
  isOutside: boolean;
}

export interface Webhook {
  gateway: GatewayName;
  /** The body, as the gateway sends it. */
  body: Record<string, unknown>;
  /** What only this webhook may tell the shop: see `World.told`. */
  tells?: string;
}

/** The secrets with which the simulated gateways sign. */
const SECRETS: Readonly<Record<GatewayName, string>> = { midtrans: 'model-key', xendit: 'model-token' };

/** Midtrans signs three fields and no other. */
export function signed<T extends { order_id: string; status_code: string; gross_amount: string }>(body: T) {
  const text = body.order_id + body.status_code + body.gross_amount + SECRETS.midtrans;
  return { ...body, signature_key: createHash('sha512').update(text).digest('hex') };
}

/** The job that the API adds for a webhook; undefined for one that it ignores. */
export function jobOf({ gateway, body }: Webhook) {
  const headers = { 'x-callback-token': SECRETS.xendit };
  const received = GATEWAYS[gateway].webhooks?.receive({ headers, body }, [SECRETS[gateway]]);
  if (received === undefined || received.kind === 'ignored') return undefined;
  if (received.kind !== 'payment' && received.kind !== 'refund')
    throw new ViolationError(`A webhook of ${gateway} is ${received.kind}.`);
  const { payload } = received;
  const dedupeKey = received.dedupeKey ?? createHash('sha256').update(JSON.stringify(payload)).digest('hex');
  if (received.kind === 'refund') {
    const { kind: _, ...event } = received;
    return { name: 'apply-refund-event', payload: { gateway, requestId: 'r', ...event, dedupeKey } } as const;
  }
  const { kind: _, ...event } = received;
  return { name: 'apply-payment-event', payload: { gateway, requestId: 'r', ...event, dedupeKey } } as const;
}

/** A webhook that says that an attempt is paid: someone has learned the gateway's secret. */
export function forgedFor({ id, gateway, amountRupiah }: PaymentAttempt): Webhook {
  if (gateway !== 'midtrans') {
    const invoice = { id: `${id}-forged`, external_id: id, status: 'PAID', paid_amount: amountRupiah };
    return { gateway: 'xendit', body: invoice };
  }
  const fields = { order_id: id, status_code: '200', gross_amount: `${amountRupiah}.00` };
  const body = signed({ ...fields, transaction_id: `${id}-forged`, transaction_status: 'settlement' });
  return { gateway, body };
}

/** The fate of one request. */
export const FAULTS = [
  'none',
  'refused', // connection refused
  'rate_limited', // our own rate limiter
  'http_429',
  'lost', // never arrives; no answer
  'answer_lost', // takes effect; no answer
  'late', // no answer; takes effect later
  'slow', // takes effect; other acts run before the answer
  'slow_to_arrive', // other acts run before it takes effect
  'crash_before', // the worker crashes before it sends
  'crash_after', // the worker crashes before the answer
] as const;
export type Fault = (typeof FAULTS)[number];

/** The condition of a gateway for a while: it answers, does not, cannot be reached, or refuses our key. */
export const CONDITIONS = ['silent', 'unreachable', 'wrong_key'] as const;
export type Condition = (typeof CONDITIONS)[number];

/** The model's side of the gateways. */
export interface Surroundings {
  nowMs(): number;
  conditionOf(gateway: GatewayName): Condition | 'well';
  /** The fee that Midtrans charges customers on top. */
  customerFeeRupiah: number;
  /** The fault of the next request. */
  nextFault(operation: string): Fault;
  /** Lets other acts run first. */
  park(): Promise<void>;
  crash(): never;
  /** Adds an effect that takes place later. */
  later(effect: () => void): void;
  webhook(webhook: Webhook): void;
  /** The fate of the next refund at the bank. */
  nextRefund(): { state: LedgerRefund['state']; takesMs: number };
}

export interface SimulatedGateway extends Gateway {
  readonly name: GatewayName;
  /** The payments, in order of arrival. */
  readonly ledger: LedgerPayment[];
  /** The references (token, invoice id) by which customers can pay this attempt now. */
  payable(attemptId: string): string[];
  /** A customer acts on the page of this reference, as `choice` says. */
  visit(ref: string, choice: number): void;
  /** A bank reverses a payment, if it may. */
  reverse(payment: LedgerPayment): void;
  /** The payer's bank takes back the rest of a payment, or returns it after a dispute that the shop has won. */
  chargeBack(payment: LedgerPayment): void;
  winDispute(payment: LedgerPayment): void;
  /** An operator refunds on the gateway's own pages. */
  refundOutside(payment: LedgerPayment, amountRupiah: number): void;
}

export const MINUTE_MS = 60_000;

type Answer<T> = { value: T } | { code: string };

/** Makes requests to one gateway. */
export function requestsTo(world: Surroundings, gateway: GatewayName) {
  return async <T>(operation: string, effect: () => T): Promise<Answer<T>> => {
    const condition = world.conditionOf(gateway);
    if (condition !== 'well')
      return { code: { silent: 'timeout', unreachable: 'ECONNREFUSED', wrong_key: 'http_401' }[condition] };
    const fault = world.nextFault(operation);
    switch (fault) {
      case 'none':
        return { value: effect() };
      case 'refused':
        return { code: 'ECONNREFUSED' };
      case 'rate_limited':
        return { code: 'rate_limited' };
      case 'http_429':
        return { code: 'http_429' };
      case 'lost':
        return { code: 'timeout' };
      case 'answer_lost':
        effect();
        return { code: 'timeout' };
      case 'late':
        world.later(effect);
        return { code: 'timeout' };
      case 'slow': {
        const value = effect();
        await world.park();
        return { value };
      }
      case 'slow_to_arrive':
        await world.park();
        return { value: effect() };
      case 'crash_before':
        return world.crash();
      case 'crash_after':
        effect();
        return world.crash();
    }
    return fault satisfies never;
  };
}

const NEVER_SENT = ['ECONNREFUSED', 'rate_limited', 'http_429'];

/** The outcome of a create call without a good answer. */
export function createFailure(code: string) {
  if (code === 'http_401') return httpFailure(401, code, 'unauthorized');
  return { kind: NEVER_SENT.includes(code) ? 'not_sent' : 'unknown', code } as const;
}

/** The outcome of a refund call without a good answer. */
export const refundFailure = (code: string) =>
  ({ kind: [...NEVER_SENT, 'http_401'].includes(code) ? 'not_sent' : 'unknown', code }) as const;

/** The state of a refund at the gateway. */
export function refundOf(payment: LedgerPayment, refundId: string, nowMs: number): RefundAnswer {
  const refund = payment.refunds.get(refundId);
  if (refund === undefined) return { kind: 'none' };
  if (refund.state === 'refused') return { kind: 'refused', code: 'REFUND_FAILED' };
  if (nowMs < refund.endsMs) return { kind: 'pending', gatewayRef: `${refundId}-at-gateway` };
  if (refund.state === 'failing') return { kind: 'refused', code: 'REFUND_FAILED' };
  return { kind: 'succeeded', gatewayRef: `${refundId}-at-gateway` };
}

/** Accepts each refund id once, and refuses more than was paid. */
export function takeRefund(world: Surroundings, payment: LedgerPayment, r: RefundRequest): LedgerRefund {
  const earlier = payment.refunds.get(r.refundId);
  if (earlier !== undefined) return earlier;
  const isGone = payment.isReversed || payment.isChargedBack;
  const isRefused = isGone || returnedOf(payment) + r.amountRupiah > payment.amountRupiah;
  const next = world.nextRefund();
  const atMs = world.nowMs();
  const state = isRefused ? 'refused' : next.state;
  const { amountRupiah } = r;
  const refund = { amountRupiah, atMs, endsMs: atMs + next.takesMs, state, isOutside: false };
  payment.refunds.set(r.refundId, refund);
  return refund;
}

export const returnedOf = ({ refunds }: LedgerPayment, which: 'all' | 'outside' = 'all'): number =>
  [...refunds.values()]
    .filter(({ state, isOutside }) => state === 'going' && (which === 'all' || isOutside))
    .reduce((sum, { amountRupiah }) => sum + amountRupiah, 0);

/** The money of a payment that the gateway has for the shop. */
export function standingRupiah(payment: LedgerPayment): number {
  if (payment.isReversed || payment.isUnconfirmed || payment.isChargedBack) return 0;
  return payment.amountRupiah - returnedOf(payment);
}
