import { midtransClosedBy, midtransStatusOf } from '@antrean/payments';
import {
  createFailure,
  type LedgerPayment,
  MINUTE_MS,
  type Question,
  refundFailure,
  refundOf,
  requestsTo,
  returnedOf,
  signed,
  type SimulatedGateway,
  type Status,
  type Surroundings,
  takeRefund,
} from './gateways.ts';

type TransactionState = 'pending' | 'capture' | 'settlement' | 'deny' | 'cancel' | 'expire';

interface SnapOrder {
  amountRupiah: number;
  expiresAtMs: number;
  /** The one valid token, until a session is cancelled or a method is chosen. */
  token: string | undefined;
  transaction: SnapTransaction | undefined;
}

interface SnapTransaction {
  id: string;
  attemptId: string;
  state: TransactionState;
  method: string;
  /** All that the customer pays. */
  grossRupiah: number;
  feeRupiah: number;
  /** A captured card is settled then. */
  settlesAtMs: number;
}

const METHODS: readonly string[] = ['qris', 'bank_transfer:permata', 'qris', 'gopay', 'credit_card'];
/** BI-SNAP methods: the status call knows them by their transaction id only. */
export const BY_TRANSACTION_ID: ReadonlySet<string> = new Set(['dana']);
const CARD_SETTLES_AFTER_MS = 20 * 60 * MINUTE_MS;

const isRefundable = (method: string): boolean => !/^bank_transfer/i.test(method);

/**
 * Behaves as Snap: a session has no transaction until a method is chosen, a request with the same id makes a new token and
 * invalidates the previous one, and a denied payment can be tried again on the same page.
 */
export function createSnap(world: Surroundings): SimulatedGateway {
  const request = requestsTo(world, 'midtrans');
  const orders = new Map<string, SnapOrder>();
  const transactions = new Map<string, SnapTransaction>();
  const ledger: LedgerPayment[] = [];
  let made = 0;

  const orderOf = (attemptId: string): SnapOrder | undefined => {
    const order = orders.get(attemptId);
    const transaction = order?.transaction;
    if (order !== undefined && world.nowMs() >= order.expiresAtMs) {
      order.token = undefined;
      if (transaction?.state === 'pending') moveTo(transaction, 'expire', '202');
    }
    if (transaction?.state === 'capture' && world.nowMs() >= transaction.settlesAtMs)
      moveTo(transaction, 'settlement', '200');
    return order;
  };
  function moveTo(transaction: SnapTransaction, state: TransactionState, statusCode: string): void {
    transaction.state = state;
    announce(transaction, state, statusCode);
  }
  function announce(transaction: SnapTransaction, status: string, statusCode: string): void {
    const { id, attemptId } = transaction;
    const body = signed({
      ...fieldsOf(transaction),
      ...{ order_id: attemptId, transaction_status: status, status_code: statusCode },
    });
    world.webhook({ gateway: 'midtrans', body, tells: id });
  }
  /** The order of a payment that was not reversed and can be refunded. */
  function orderOfPayment(payment: LedgerPayment): SnapOrder | undefined {
    const order = orderOf(payment.attemptId);
    const isStanding = order?.transaction?.id === payment.transactionId && !payment.isReversed;
    const isVoided = order?.transaction?.state === 'cancel';
    return isStanding && !isVoided && isRefundable(payment.method) ? order : undefined;
  }
  const paymentOf = (id: string) => ledger.findLast(({ transactionId }) => transactionId === id);

  /** The status by one id, as the status call gives it. */
  function statusBy(id: string, { attemptId }: Question): Status {
    const byOrder = orderOf(id)?.transaction;
    const found = transactions.get(id) ?? (byOrder && !isById(byOrder) ? byOrder : undefined);
    if (found === undefined) return { kind: 'not_started' };
    if (found.attemptId !== attemptId) return { kind: 'unknown', code: 'wrong_order' };
    orderOf(attemptId);
    const payment = paymentOf(found.id);
    const { state } = found;
    return midtransStatusOf({
      ...{ ...fieldsOf(found), status_code: '200', order_id: attemptId },
      transaction_status: state === 'settlement' ? standingOf(found, payment) : state,
      refund_amount: `${payment === undefined ? 0 : returnedOf(payment)}.00`,
    });
  }

  /** The status of a payment that no attempt of ours expects. */
  function strayBy(id: string): Status {
    const found = transactions.get(id) ?? orderOf(id)?.transaction;
    return found === undefined ? { kind: 'not_started' } : statusBy(found.id, found);
  }

  /** As the adapter asks: by the transaction id if it is known, and by the order unless that decides. */
  function look(q: Question): Status {
    if (q.transactionId === undefined) return statusBy(q.attemptId, q);
    const one = statusBy(q.transactionId, q);
    if (one.kind !== 'closed' && one.kind !== 'not_started') return one;
    const order = statusBy(q.attemptId, q);
    return order.kind === 'not_started' ? one : order;
  }

  /** The transaction status of a settled payment now. */
  function standingOf({ grossRupiah }: SnapTransaction, payment: LedgerPayment | undefined): string {
    if (payment?.isChargedBack === true) return 'chargeback';
    const returnedRupiah = payment === undefined ? 0 : returnedOf(payment);
    if (returnedRupiah === 0) return 'settlement';
    return returnedRupiah >= grossRupiah ? 'refund' : 'partial_refund';
  }

  const status = async (q: Question): Promise<Status> => {
    const answer = await request('status', () => look(q));
    return 'code' in answer ? { kind: 'unknown', code: answer.code } : answer.value;
  };

  return {
    name: 'midtrans',
    ledger,
    async create({ attemptId, amountRupiah, expiresAt }) {
      const minutes = Math.max(5, Math.floor((expiresAt.getTime() - world.nowMs()) / MINUTE_MS));
      const expiresAtMs = world.nowMs() + minutes * MINUTE_MS;
      const answer = await request('create', () => {
        const known = orderOf(attemptId)?.transaction;
        if (known !== undefined && known.state !== 'cancel' && known.state !== 'expire') return undefined;
        made += 1;
        const token = `${attemptId}-token${made}`;
        orders.set(attemptId, { amountRupiah, expiresAtMs, token, transaction: undefined });
        return token;
      });
      if ('code' in answer) return createFailure(answer.code);
      if (answer.value === undefined) return { kind: 'unknown', code: 'duplicate_order_id' };
      return { kind: 'active', url: `https://snap.test/${answer.value}`, gatewayRef: answer.value };
    },
    status,
    async close(q) {
      let isDead = false;
      if (q.gatewayRef !== undefined) {
        const session = await request('cancel_session', () => {
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
      const cancel = await request('cancel', () => {
        const order = orderOf(q.attemptId);
        if (order?.transaction?.state !== 'pending') return;
        order.token = undefined;
        moveTo(order.transaction, 'cancel', '202');
      });
      const after = await status(q);
      if (after.kind === 'pending' && 'code' in cancel) return { kind: 'unknown', code: cancel.code };
      return midtransClosedBy(after, isDead);
    },
    async refund(r) {
      if (!isRefundable(r.method ?? '')) return { kind: 'not_refundable', code: 'method_not_refundable' };
      const answer = await request('refund', () => {
        const payment = paymentTo(r);
        if (payment === undefined) return { kind: 'refused', code: 'not_paid' } as const;
        const transaction = orderOf(r.attemptId)?.transaction;
        if (transaction?.id === payment.transactionId && transaction.state === 'capture') {
          if (r.amountRupiah < payment.amountRupiah)
            return { kind: 'not_sent', code: 'not_settled' } as const;
          const atMs = world.nowMs();
          const { amountRupiah } = r;
          const voided = { amountRupiah, atMs, endsMs: atMs, state: 'going', isOutside: false } as const;
          payment.refunds.set(r.refundId, voided);
          moveTo(transaction, 'cancel', '200');
          return refundOf(payment, r.refundId, atMs);
        }
        const isNew = !payment.refunds.has(r.refundId);
        const { state } = takeRefund(world, payment, r);
        if (isNew && state === 'going' && transaction?.id === payment.transactionId)
          announce(transaction, standingOf(transaction, payment), '200');
        return refundOf(payment, r.refundId, world.nowMs());
      });
      if ('code' in answer) return refundFailure(answer.code);
      return answer.value.kind === 'none' ? { kind: 'unknown', code: 'bad_answer' } : answer.value;
    },
    async refundStatus(q) {
      const answer = await request('refund_status', () => {
        const payment = paymentTo(q);
        return payment === undefined
          ? { kind: 'none' as const }
          : refundOf(payment, q.refundId, world.nowMs());
      });
      return 'code' in answer ? { kind: 'unknown', code: answer.code } : answer.value;
    },
    async strayStatus({ reference, payload }) {
      const { transaction_id: named } = payload;
      const paymentId = typeof named === 'string' ? named : reference;
      const answer = await request('status', () => strayBy(paymentId));
      return { paymentId, status: 'code' in answer ? { kind: 'unknown', code: answer.code } : answer.value };
    },
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
      if (order.transaction !== undefined && state === 'pending') {
        // The customer has the page on which the method was chosen.
        if (choice % 4 === 3) moveTo(order.transaction, 'deny', '202');
        else settle(order, order.transaction);
        return;
      }
      if (order.token !== ref || (state !== undefined && state !== 'deny')) return;
      made += 1;
      const method = METHODS[choice % METHODS.length] ?? 'qris';
      const feeRupiah = world.customerFeeRupiah;
      const transaction: SnapTransaction = {
        ...{ id: `${attemptId}-tx${made}`, attemptId, state: 'pending', method, feeRupiah },
        ...{ grossRupiah: order.amountRupiah + feeRupiah, settlesAtMs: 0 },
      };
      order.transaction = transaction;
      transactions.set(transaction.id, transaction);
      const fate = Math.floor(choice / METHODS.length);
      // A card is paid or refused at once.
      if (method !== 'credit_card') moveTo(transaction, 'pending', '201');
      if (fate % 4 === 3) moveTo(transaction, 'deny', '202');
      else if (fate % 4 !== 2 || method === 'credit_card') settle(order, transaction);
    },
    reverse(payment) {
      const order = orders.get(payment.attemptId);
      const transaction = order?.transaction;
      if (transaction?.id !== payment.transactionId || !payment.mayReverse) return;
      if (order === undefined || payment.isReversed || payment.refunds.size > 0) return;
      payment.isReversed = true;
      order.token = undefined;
      moveTo(transaction, 'deny', '202');
    },
    chargeBack(payment) {
      const transaction = orderOfPayment(payment)?.transaction;
      // Before a capture is settled there is nothing to take back.
      if (transaction?.state !== 'settlement' || payment.isChargedBack) return;
      if (returnedOf(payment) >= payment.amountRupiah) return;
      payment.isChargedBack = true;
      announce(transaction, 'chargeback', '200');
    },
    winDispute(payment) {
      const transaction = orderOfPayment(payment)?.transaction;
      if (transaction === undefined || !payment.isChargedBack) return;
      payment.isChargedBack = false;
      announce(transaction, standingOf(transaction, payment), '200');
    },
    refundOutside(payment, amountRupiah) {
      const transaction = orderOfPayment(payment)?.transaction;
      const left = payment.amountRupiah - returnedOf(payment);
      if (transaction?.state !== 'settlement' || payment.isChargedBack || amountRupiah > left) return;
      const atMs = world.nowMs();
      const id = `dashboard-${payment.refunds.size}`;
      payment.refunds.set(id, { amountRupiah, atMs, endsMs: atMs, state: 'going', isOutside: true });
      announce(transaction, standingOf(transaction, payment), '200');
    },
  };

  /** The payment that an id of ours means. */
  function paymentTo({ attemptId, transactionId }: Question): LedgerPayment | undefined {
    const ofAttempt = ledger.filter((one) => one.attemptId === attemptId);
    return ofAttempt.find((one) => one.transactionId === transactionId) ?? ofAttempt[0];
  }

  function settle(order: SnapOrder, transaction: SnapTransaction): void {
    const { id: transactionId, attemptId, method, grossRupiah: amountRupiah, feeRupiah } = transaction;
    order.token = undefined;
    ledger.push({
      ...{ gateway: 'midtrans', attemptId, transactionId, amountRupiah, feeRupiah, method },
      ...{ atMs: world.nowMs(), mayReverse: method.endsWith('permata'), isReversed: false },
      ...{ isChargedBack: false, isUnconfirmed: false, refunds: new Map() },
    });
    const isCard = method === 'credit_card';
    if (isCard) transaction.settlesAtMs = world.nowMs() + CARD_SETTLES_AFTER_MS;
    moveTo(transaction, isCard ? 'capture' : 'settlement', '200');
  }
}

const isById = ({ method }: SnapTransaction): boolean => BY_TRANSACTION_ID.has(method);

/** The fields of a transaction in an answer or a notification. */
function fieldsOf({ id, method, grossRupiah, feeRupiah }: SnapTransaction) {
  const [type = '', bank] = method.split(':');
  const explained = {
    original_amount: String(grossRupiah - feeRupiah),
    gross_amount: String(grossRupiah),
    customer_imposed_payment_fee: String(feeRupiah),
  };
  return {
    ...{ transaction_id: id, gross_amount: `${grossRupiah}.00`, currency: 'IDR', payment_type: type },
    ...(bank === 'permata' ? { permata_va_number: '1' } : {}),
    ...(type === 'credit_card' ? { fraud_status: 'accept' } : {}),
    ...(feeRupiah === 0 ? {} : { metadata: { extra_info: { gross_amount_info: explained } } }),
  };
}
