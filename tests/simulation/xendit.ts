import { xenditClosedBy, xenditStatusOf } from '@antrean/payments';
import {
  createFailure,
  type LedgerPayment,
  MINUTE_MS,
  type Question,
  refundFailure,
  refundOf,
  requestsTo,
  returnedOf,
  type SimulatedGateway,
  type Status,
  type Surroundings,
  takeRefund,
} from './gateways.ts';

interface Invoice {
  id: string;
  attemptId: string;
  amountRupiah: number;
  expiresAtMs: number;
  state: 'PENDING' | 'PAID' | 'EXPIRED';
  payment?: LedgerPayment;
}

const isRefundable = (method: string): boolean => !/^bank_transfer/i.test(method);

/** Behaves as Xendit's invoices: a request with the same id makes a second invoice, unless the client searches first. */
export function createXendit(world: Surroundings): SimulatedGateway {
  const request = requestsTo(world, 'xendit');
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
  function announce(
    { id, attemptId, amountRupiah, state, payment }: Invoice,
    more: Record<string, unknown>,
  ): void {
    const body = { id, external_id: attemptId, status: state, amount: amountRupiah, ...more };
    const tells = payment === undefined ? {} : { tells: payment.transactionId };
    world.webhook({ gateway: 'xendit', body, ...tells });
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
    const answer = await request('status', () => statusOf(found(q)));
    return 'code' in answer ? { kind: 'unknown', code: answer.code } : answer.value;
  };
  const paidBy = (q: Question) => found(q).find(({ state }) => state === 'PAID');

  function pay(invoice: Invoice, choice: number): void {
    const isLate = invoice.state === 'EXPIRED';
    const { id, attemptId, amountRupiah } = invoice;
    const payment: LedgerPayment = {
      ...{ gateway: 'xendit', attemptId, transactionId: `${id}-p`, amountRupiah, feeRupiah: 0 },
      ...{ method: choice % 2 === 0 ? 'QR_CODE:QRIS' : 'BANK_TRANSFER:BCA', atMs: world.nowMs() },
      ...{ mayReverse: false, isReversed: false, isChargedBack: false, isUnconfirmed: isLate },
      refunds: new Map(),
    };
    invoice.payment = payment;
    ledger.push(payment);
    if (!isLate) invoice.state = 'PAID';
    announce(invoice, { status: 'PAID', paid_amount: amountRupiah, payment_id: payment.transactionId });
  }

  /** The refunds that the list names as succeeded. */
  const settledOf = ({ refunds }: LedgerPayment): number =>
    [...refunds.values()]
      .filter(({ state, endsMs }) => state === 'going' && endsMs <= world.nowMs())
      .reduce((sum, { amountRupiah }) => sum + amountRupiah, 0);

  /** The webhook of a refund. */
  function announceRefund(
    { id: invoiceId }: Invoice,
    { refundId, isFailed, amountRupiah }: { refundId: string; isFailed: boolean; amountRupiah: number },
  ): void {
    const outcome = isFailed ? 'FAILED' : 'SUCCEEDED';
    const ids = { id: `${refundId}-at-gateway`, reference_id: refundId, invoice_id: invoiceId };
    const data = { ...ids, status: outcome, amount: amountRupiah };
    world.webhook({ gateway: 'xendit', body: { event: `refund.${outcome.toLowerCase()}`, data } });
  }

  return {
    name: 'xendit',
    ledger,
    async create({ attemptId, amountRupiah, expiresAt }) {
      const durationMs = Math.max(MINUTE_MS, expiresAt.getTime() - world.nowMs());
      const before = await request('list', () => all().filter((one) => one.attemptId === attemptId));
      if ('code' in before) return createFailure(before.code);
      const [earlier] = before.value;
      if (earlier !== undefined) {
        const isGood = before.value.length === 1 && earlier.state === 'PENDING';
        return isGood
          ? { kind: 'active', url: `https://xendit.test/${earlier.id}`, gatewayRef: earlier.id }
          : { kind: 'unknown', code: 'already_exists' };
      }
      const answer = await request('create', () => {
        const id = `${attemptId}-inv${invoices.length + 1}`;
        const expiresAtMs = world.nowMs() + durationMs;
        invoices.push({ id, attemptId, amountRupiah, expiresAtMs, state: 'PENDING' });
        return id;
      });
      if ('code' in answer) return createFailure(answer.code);
      return { kind: 'active', url: `https://xendit.test/${answer.value}`, gatewayRef: answer.value };
    },
    status,
    async close(q) {
      if (q.gatewayRef === undefined) return xenditClosedBy(await status(q));
      const answer = await request('expire', () => {
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
      const answer = await request('refund', () => {
        const invoice = paidBy(r);
        if (invoice?.payment === undefined) return { kind: 'refused', code: 'not_paid' } as const;
        const isNew = !invoice.payment.refunds.has(r.refundId);
        const { state, amountRupiah } = takeRefund(world, invoice.payment, r);
        if (isNew)
          announceRefund(invoice, { refundId: r.refundId, isFailed: state !== 'going', amountRupiah });
        return refundOf(invoice.payment, r.refundId, world.nowMs());
      });
      if ('code' in answer) return refundFailure(answer.code);
      return answer.value.kind === 'none' ? { kind: 'unknown', code: 'bad_answer' } : answer.value;
    },
    async refundStatus(q) {
      const answer = await request('refund_status', () => {
        const payment = paidBy(q)?.payment;
        return payment === undefined
          ? { kind: 'none' as const }
          : refundOf(payment, q.refundId, world.nowMs());
      });
      return 'code' in answer ? { kind: 'unknown', code: answer.code } : answer.value;
    },
    async refundsOf({ gatewayRef }) {
      const answer = await request('refund_status', () => {
        const payment = all().find(({ id }) => id === gatewayRef)?.payment;
        const { attemptId } = payment ?? {};
        if (payment === undefined || attemptId === undefined) return { kind: 'none' } as const;
        return { kind: 'refunds', attemptId, refundedRupiah: settledOf(payment) } as const;
      });
      return 'code' in answer ? { kind: 'unknown', code: answer.code } : answer.value;
    },
    async strayStatus({ payload }) {
      const paymentId = String(payload['id']);
      const answer = await request('status', () => statusOf(all().filter(({ id }) => id === paymentId)));
      return { paymentId, status: 'code' in answer ? { kind: 'unknown', code: answer.code } : answer.value };
    },
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
    // Xendit's invoices do not show these, its list of refunds does.
    refundOutside(payment, amountRupiah) {
      const invoice = all().find((one) => one.payment === payment);
      const left = payment.amountRupiah - returnedOf(payment);
      if (invoice?.state !== 'PAID' || amountRupiah > left || !isRefundable(payment.method)) return;
      const atMs = world.nowMs();
      const id = `dashboard-${invoice.id}-${payment.refunds.size}`;
      payment.refunds.set(id, { amountRupiah, atMs, endsMs: atMs, state: 'going', isOutside: true });
      const data = {
        id,
        invoice_id: invoice.id,
        reference_id: null,
        status: 'SUCCEEDED',
        amount: amountRupiah,
      };
      const body = { event: 'refund.succeeded', data };
      world.webhook({ gateway: 'xendit', body });
    },
  };
}
