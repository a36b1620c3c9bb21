import { midtransClosedBy, midtransStatusOf, xenditClosedBy, xenditStatusOf } from '@antrean/payments';
import type { JobDependencies } from '@antrean/worker';

type Gateway = JobDependencies['gateways'][number];
type Status = Awaited<ReturnType<Gateway['status']>>;
type RefundAnswer = Awaited<ReturnType<Gateway['refundStatus']>>;
type RefundRequest = Parameters<Gateway['refund']>[0];
type Question = Parameters<Gateway['status']>[0];

/** A payment of a customer, in the gateway's records. */
export interface LedgerPayment {
  gateway: 'midtrans' | 'xendit';
  attemptId: string;
  transactionId: string;
  amountRupiah: number;
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
  gateway: 'midtrans' | 'xendit';
  attemptId: string;
  /** For a webhook about a refund. */
  refundId?: string;
  payload: Record<string, unknown>;
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

/** The model's side of the gateways. */
export interface Surroundings {
  nowMs(): number;
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

const MINUTE_MS = 60_000;

type Answer<T> = { value: T } | { code: string };

async function request<T>(world: Surroundings, operation: string, effect: () => T): Promise<Answer<T>> {
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
}

const NEVER_SENT = ['ECONNREFUSED', 'rate_limited', 'http_429'];
const failure = (code: string) =>
  ({ kind: NEVER_SENT.includes(code) ? 'not_sent' : 'unknown', code }) as const;

/** The state of a refund at the gateway. */
function refundOf(payment: LedgerPayment, refundId: string, nowMs: number): RefundAnswer {
  const refund = payment.refunds.get(refundId);
  if (refund === undefined) return { kind: 'none' };
  if (refund.state === 'refused') return { kind: 'refused', code: 'REFUND_FAILED' };
  if (nowMs < refund.endsMs) return { kind: 'pending', gatewayRef: `${refundId}-at-gateway` };
  if (refund.state === 'failing') return { kind: 'refused', code: 'REFUND_FAILED' };
  return { kind: 'succeeded', gatewayRef: `${refundId}-at-gateway` };
}

/** Accepts each refund id once, and refuses more than was paid. */
function takeRefund(world: Surroundings, payment: LedgerPayment, r: RefundRequest): void {
  if (payment.refunds.has(r.refundId)) return;
  const isGone = payment.isReversed || payment.isChargedBack;
  const isRefused = isGone || returnedOf(payment) + r.amountRupiah > payment.amountRupiah;
  const next = world.nextRefund();
  const atMs = world.nowMs();
  const state = isRefused ? 'refused' : next.state;
  const { amountRupiah } = r;
  payment.refunds.set(r.refundId, {
    ...{ amountRupiah, atMs, endsMs: atMs + next.takesMs, state, isOutside: false },
  });
  const { gateway, attemptId } = payment;
  world.webhook({ gateway, attemptId, refundId: r.refundId, payload: { refund: r.refundId, state } });
}

export const returnedOf = ({ refunds }: LedgerPayment, which: 'all' | 'outside' = 'all'): number =>
  [...refunds.values()]
    .filter(({ state, isOutside }) => state === 'going' && (which === 'all' || isOutside))
    .reduce((sum, { amountRupiah }) => sum + amountRupiah, 0);

const isRefundable = (method: string): boolean => !/^bank_transfer/i.test(method);

interface SnapOrder {
  amountRupiah: number;
  expiresAtMs: number;
  /** The one valid token, until a session is cancelled or a method is chosen. */
  token: string | undefined;
  transaction:
    | { id: string; state: 'pending' | 'settlement' | 'deny' | 'cancel' | 'expire'; method: string }
    | undefined;
}

/**
 * Behaves as Snap: a session has no transaction until a method is chosen, a request with the same id makes a new token and
 * invalidates the previous one, and a denied payment can be tried again on the same page.
 */
export function createSnap(world: Surroundings): SimulatedGateway {
  const orders = new Map<string, SnapOrder>();
  const ledger: LedgerPayment[] = [];
  let made = 0;

  const orderOf = (attemptId: string): SnapOrder | undefined => {
    const order = orders.get(attemptId);
    if (order !== undefined && world.nowMs() >= order.expiresAtMs) {
      order.token = undefined;
      if (order.transaction?.state === 'pending') moveTo(attemptId, order, 'expire', '202');
    }
    return order;
  };
  function moveTo(
    attemptId: string,
    order: SnapOrder,
    state: NonNullable<SnapOrder['transaction']>['state'],
    statusCode: string,
  ): void {
    if (order.transaction === undefined) return;
    order.transaction.state = state;
    announce(attemptId, order, state, statusCode);
  }
  function announce(attemptId: string, order: SnapOrder, status: string, statusCode: string): void {
    const payload = {
      ...{ order_id: attemptId, transaction_id: order.transaction?.id, transaction_status: status },
      ...{ status_code: statusCode, gross_amount: `${order.amountRupiah}.00` },
    };
    world.webhook({ gateway: 'midtrans', attemptId, payload });
  }
  /** The order of a payment that was not reversed and can be refunded. */
  function orderOfPayment(payment: LedgerPayment): SnapOrder | undefined {
    const order = orders.get(payment.attemptId);
    const isStanding = order?.transaction?.id === payment.transactionId && !payment.isReversed;
    return isStanding && isRefundable(payment.method) ? order : undefined;
  }
  const paymentOf = (id: string) => ledger.findLast(({ transactionId }) => transactionId === id);

  function look(q: Question): Status {
    const order = orderOf(q.attemptId);
    if (order?.transaction === undefined) return { kind: 'not_started' };
    const { id, state, method } = order.transaction;
    const payment = paymentOf(id);
    const returnedRupiah = payment === undefined ? 0 : returnedOf(payment);
    const [type = '', bank] = method.split(':');
    return midtransStatusOf({
      ...{ status_code: '200', transaction_id: id, order_id: q.attemptId },
      ...{ gross_amount: `${order.amountRupiah}.00`, currency: 'IDR', payment_type: type },
      ...(bank === 'permata' ? { permata_va_number: '1' } : {}),
      transaction_status: state === 'settlement' ? standingOf(order, payment) : state,
      refund_amount: `${returnedRupiah}.00`,
    });
  }

  /** The transaction status of a settled payment now. */
  function standingOf({ amountRupiah }: SnapOrder, payment: LedgerPayment | undefined): string {
    if (payment?.isChargedBack === true) return 'chargeback';
    const returnedRupiah = payment === undefined ? 0 : returnedOf(payment);
    if (returnedRupiah === 0) return 'settlement';
    return returnedRupiah >= amountRupiah ? 'refund' : 'partial_refund';
  }

  const status = async (q: Question): Promise<Status> => {
    const answer = await request(world, 'status', () => look(q));
    return 'code' in answer ? { kind: 'unknown', code: answer.code } : answer.value;
  };

  return {
    name: 'midtrans',
    ledger,
    async create({ attemptId, amountRupiah, expiresAt }) {
      const minutes = Math.max(5, Math.floor((expiresAt.getTime() - world.nowMs()) / MINUTE_MS));
      const expiresAtMs = world.nowMs() + minutes * MINUTE_MS;
      const answer = await request(world, 'create', () => {
        const known = orderOf(attemptId)?.transaction;
        if (known !== undefined && known.state !== 'cancel' && known.state !== 'expire') return undefined;
        made += 1;
        const token = `${attemptId}-token${made}`;
        orders.set(attemptId, { amountRupiah, expiresAtMs, token, transaction: undefined });
        return token;
      });
      if ('code' in answer) return failure(answer.code);
      if (answer.value === undefined) return { kind: 'unknown', code: 'duplicate_order_id' };
      return { kind: 'active', url: `https://snap.test/${answer.value}`, gatewayRef: answer.value };
    },
    status,
    async close(q) {
      let isDead = false;
      if (q.gatewayRef !== undefined) {
        const session = await request(world, 'cancel_session', () => {
          const order = orderOf(q.attemptId);
          if (order === undefined || order.token !== q.gatewayRef) return 'dead';
          if (order.transaction !== undefined) return 'refused';
          order.token = undefined;
          return 'dead';
        });
        if ('code' in session) return { kind: 'unknown', code: session.code };
        isDead = session.value === 'dead';
      }
      const before = await status(q);
      if (before.kind !== 'pending') return midtransClosedBy(before, isDead);
      const cancel = await request(world, 'cancel', () => {
        const order = orderOf(q.attemptId);
        if (order?.transaction?.state !== 'pending') return;
        order.token = undefined;
        moveTo(q.attemptId, order, 'cancel', '202');
      });
      const after = await status(q);
      if (after.kind === 'pending' && 'code' in cancel) return { kind: 'unknown', code: cancel.code };
      return midtransClosedBy(after, isDead);
    },
    async refund(r) {
      if (!isRefundable(r.method ?? '')) return { kind: 'not_refundable', code: 'method_not_refundable' };
      const answer = await request(world, 'refund', () => {
        const payment = ledger.find(({ attemptId }) => attemptId === r.attemptId);
        if (payment === undefined) return { kind: 'refused', code: 'not_paid' } as const;
        takeRefund(world, payment, r);
        return refundOf(payment, r.refundId, world.nowMs());
      });
      if ('code' in answer) return failure(answer.code);
      return answer.value.kind === 'none' ? { kind: 'unknown', code: 'bad_answer' } : answer.value;
    },
    async refundStatus({ attemptId, refundId }) {
      const answer = await request(world, 'refund_status', () => {
        const payment = ledger.find((one) => one.attemptId === attemptId);
        return payment === undefined ? { kind: 'none' as const } : refundOf(payment, refundId, world.nowMs());
      });
      return 'code' in answer ? { kind: 'unknown', code: answer.code } : answer.value;
    },
    strayStatus: async ({ reference }) => ({
      paymentId: reference,
      status: await status({ attemptId: reference }),
    }),
    listPaid: () => Promise.resolve(undefined),
    payable(attemptId) {
      const order = orderOf(attemptId);
      if (order === undefined || world.nowMs() >= order.expiresAtMs) return [];
      const state = order.transaction?.state;
      // A virtual account is paid at a bank, even if the page is closed.
      if (state === 'pending') return [order.token ?? `${attemptId}-va`];
      if (order.token === undefined || (state !== undefined && state !== 'deny')) return [];
      return [order.token];
    },
    visit(ref, choice) {
      const attemptId = ref.replace(/-(token\d+|va)$/, '');
      const order = orderOf(attemptId);
      if (order === undefined || world.nowMs() >= order.expiresAtMs) return;
      const state = order.transaction?.state;
      if (state === 'pending') {
        // The customer has the page on which the method was chosen.
        if (choice % 4 === 3) moveTo(attemptId, order, 'deny', '202');
        else settle(attemptId, order);
        return;
      }
      if (order.token !== ref || (state !== undefined && state !== 'deny')) return;
      made += 1;
      const method =
        ['qris', 'bank_transfer:permata', 'bank_transfer:permata', 'gopay'][choice % 4] ?? 'qris';
      order.transaction = { id: `${attemptId}-tx${made}`, state: 'pending', method };
      moveTo(attemptId, order, 'pending', '201');
      if (choice % 4 === 3 && choice % 8 === 7) moveTo(attemptId, order, 'deny', '202');
      else if (choice % 4 !== 2) settle(attemptId, order);
    },
    reverse(payment) {
      const order = orders.get(payment.attemptId);
      if (order?.transaction?.id !== payment.transactionId || !payment.mayReverse) return;
      if (payment.isReversed || payment.refunds.size > 0) return;
      payment.isReversed = true;
      order.token = undefined;
      moveTo(payment.attemptId, order, 'deny', '202');
    },
    chargeBack(payment) {
      const order = orderOfPayment(payment);
      if (order === undefined || payment.isChargedBack) return;
      if (returnedOf(payment) >= payment.amountRupiah) return;
      payment.isChargedBack = true;
      announce(payment.attemptId, order, 'chargeback', '200');
    },
    winDispute(payment) {
      const order = orderOfPayment(payment);
      if (order === undefined || !payment.isChargedBack) return;
      payment.isChargedBack = false;
      announce(payment.attemptId, order, returnedOf(payment) === 0 ? 'settlement' : 'partial_refund', '200');
    },
    refundOutside(payment, amountRupiah) {
      const order = orderOfPayment(payment);
      const left = payment.amountRupiah - returnedOf(payment);
      if (order === undefined || payment.isChargedBack || amountRupiah > left) return;
      const atMs = world.nowMs();
      const id = `dashboard-${payment.refunds.size}`;
      payment.refunds.set(id, { amountRupiah, atMs, endsMs: atMs, state: 'going', isOutside: true });
      announce(payment.attemptId, order, amountRupiah === left ? 'refund' : 'partial_refund', '200');
    },
  };

  function settle(attemptId: string, order: SnapOrder): void {
    if (order.transaction === undefined) return;
    const { id: transactionId, method } = order.transaction;
    order.token = undefined;
    ledger.push({
      ...{ gateway: 'midtrans', attemptId, transactionId, amountRupiah: order.amountRupiah, method },
      ...{
        atMs: world.nowMs(),
        mayReverse: method.endsWith('permata'),
        isReversed: false,
        isChargedBack: false,
        isUnconfirmed: false,
      },
      refunds: new Map(),
    });
    moveTo(attemptId, order, 'settlement', '200');
  }
}

interface Invoice {
  id: string;
  attemptId: string;
  amountRupiah: number;
  expiresAtMs: number;
  state: 'PENDING' | 'PAID' | 'EXPIRED';
  payment?: LedgerPayment;
}

/** Behaves as Xendit's invoices: a request with the same id makes a second invoice, unless the client searches first. */
export function createXendit(world: Surroundings): SimulatedGateway {
  const invoices: Invoice[] = [];
  const ledger: LedgerPayment[] = [];

  const all = (): Invoice[] => {
    for (const invoice of invoices)
      if (invoice.state === 'PENDING' && world.nowMs() >= invoice.expiresAtMs) expire(invoice);
    return invoices;
  };
  function expire(invoice: Invoice): void {
    invoice.state = 'EXPIRED';
    announce(invoice, {});
  }
  function announce({ id, attemptId, amountRupiah, state }: Invoice, more: Record<string, unknown>): void {
    const payload = { id, external_id: attemptId, status: state, amount: amountRupiah, ...more };
    world.webhook({ gateway: 'xendit', attemptId, payload });
  }
  const found = (q: Question): Invoice[] =>
    all().filter(({ id, attemptId }) =>
      q.gatewayRef === undefined ? attemptId === q.attemptId : id === q.gatewayRef,
    );

  const statusOf = (some: readonly Invoice[]): Status =>
    xenditStatusOf(
      some.map(({ id, attemptId, state, amountRupiah, payment }) => {
        const open = { id, external_id: attemptId, status: state, amount: amountRupiah, currency: 'IDR' };
        if (state !== 'PAID' || payment === undefined) return open;
        const [type, channel] = payment.method.split(':');
        const paid = { paid_amount: payment.amountRupiah, payment_id: payment.transactionId };
        return { ...open, ...paid, payment_method: type, payment_channel: channel };
      }),
    );
  const status = async (q: Question): Promise<Status> => {
    const answer = await request(world, 'status', () => statusOf(found(q)));
    return 'code' in answer ? { kind: 'unknown', code: answer.code } : answer.value;
  };
  const paidBy = (q: Question) => found(q).find(({ state }) => state === 'PAID')?.payment;

  function pay(invoice: Invoice, choice: number): void {
    const isLate = invoice.state === 'EXPIRED';
    const transactionId = `${invoice.id}-p`;
    const payment: LedgerPayment = {
      ...{
        gateway: 'xendit',
        attemptId: invoice.attemptId,
        transactionId,
        amountRupiah: invoice.amountRupiah,
      },
      ...{ method: choice % 2 === 0 ? 'QR_CODE:QRIS' : 'BANK_TRANSFER:BCA', atMs: world.nowMs() },
      ...{
        mayReverse: false,
        isReversed: false,
        isChargedBack: false,
        isUnconfirmed: isLate,
        refunds: new Map(),
      },
    };
    invoice.payment = payment;
    ledger.push(payment);
    if (!isLate) invoice.state = 'PAID';
    announce(invoice, { status: 'PAID', paid_amount: invoice.amountRupiah, payment_id: transactionId });
  }

  return {
    name: 'xendit',
    ledger,
    async create({ attemptId, amountRupiah, expiresAt }) {
      const durationMs = Math.max(MINUTE_MS, expiresAt.getTime() - world.nowMs());
      const before = await request(world, 'list', () => all().filter((one) => one.attemptId === attemptId));
      if ('code' in before) return failure(before.code);
      const [earlier] = before.value;
      if (earlier !== undefined) {
        const isGood = before.value.length === 1 && earlier.state === 'PENDING';
        return isGood
          ? { kind: 'active', url: `https://xendit.test/${earlier.id}`, gatewayRef: earlier.id }
          : { kind: 'unknown', code: 'already_exists' };
      }
      const answer = await request(world, 'create', () => {
        const id = `${attemptId}-inv${invoices.length + 1}`;
        const expiresAtMs = world.nowMs() + durationMs;
        invoices.push({ id, attemptId, amountRupiah, expiresAtMs, state: 'PENDING' });
        return id;
      });
      if ('code' in answer) return failure(answer.code);
      return { kind: 'active', url: `https://xendit.test/${answer.value}`, gatewayRef: answer.value };
    },
    status,
    async close(q) {
      if (q.gatewayRef === undefined) return xenditClosedBy(await status(q));
      const answer = await request(world, 'expire', () => {
        const invoice = found(q)[0];
        if (invoice?.state !== 'PENDING') return false;
        expire(invoice);
        return true;
      });
      if ('value' in answer && answer.value) return { kind: 'closed' };
      const after = xenditClosedBy(await status(q));
      if (after.kind !== 'pending' || 'value' in answer) return after;
      return { kind: 'unknown', code: answer.code };
    },
    async refund(r) {
      if (!isRefundable(r.method ?? '')) return { kind: 'not_refundable', code: 'method_not_refundable' };
      const answer = await request(world, 'refund', () => {
        const payment = paidBy(r);
        if (payment === undefined) return { kind: 'refused', code: 'not_paid' } as const;
        takeRefund(world, payment, r);
        return refundOf(payment, r.refundId, world.nowMs());
      });
      if ('code' in answer) return failure(answer.code);
      return answer.value.kind === 'none' ? { kind: 'unknown', code: 'bad_answer' } : answer.value;
    },
    async refundStatus(q) {
      const answer = await request(world, 'refund_status', () => {
        const payment = paidBy(q);
        return payment === undefined
          ? { kind: 'none' as const }
          : refundOf(payment, q.refundId, world.nowMs());
      });
      return 'code' in answer ? { kind: 'unknown', code: answer.code } : answer.value;
    },
    strayStatus: async ({ reference }) => ({
      paymentId: reference,
      status: await status({ attemptId: reference }),
    }),
    listPaid: () => Promise.resolve([]),
    payable: (attemptId) =>
      all()
        .filter((one) => one.attemptId === attemptId && one.state === 'PENDING')
        .map(({ id }) => id),
    visit(ref, choice) {
      const invoice = all().find(({ id }) => id === ref);
      if (invoice === undefined || invoice.payment !== undefined) return;
      // Rarely, a bank still accepts a payment for an invoice that has ended.
      if (invoice.state === 'PENDING' || choice % 4 === 3) pay(invoice, choice);
    },
    reverse: () => undefined,
    chargeBack: () => undefined,
    winDispute: () => undefined,
    // Xendit's invoices do not show these.
    refundOutside: () => undefined,
  };
}
