import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { type Controls, done, type Outcome, refused } from './controls.ts';
import type { Shared } from './shared.ts';
import { methodOf, type XenditMethodName } from './xendit-methods.ts';

type InvoiceState = 'PENDING' | 'PAID' | 'SETTLED' | 'EXPIRED';

/** The next states of each state. A failed attempt and a refund change nothing. https://docs.xendit.co/xeninvoice/statuses */
const invoiceMoves: Readonly<Record<InvoiceState, readonly InvoiceState[]>> = {
  PENDING: ['PAID', 'EXPIRED'],
  PAID: ['SETTLED'],
  SETTLED: [],
  EXPIRED: [],
};

export interface InvoicePayment {
  id: string;
  methodId: string;
  requestId: string;
  amountRupiah: number;
  method: XenditMethodName;
  paidAt: Date;
}

export interface Invoice {
  id: string;
  externalId: string;
  state: InvoiceState;
  amountRupiah: number;
  description: string;
  created: Date;
  updated: Date;
  expiresAt: Date;
  successUrl: string | undefined;
  failureUrl: string | undefined;
  customer: Record<string, unknown> | undefined;
  payerEmail: string | undefined;
  metadata: Record<string, unknown> | undefined;
  items: readonly unknown[];
  fees: readonly unknown[];
  offered: readonly XenditMethodName[];
  chosen?: XenditMethodName;
  /** Eleven digits: the VA number or payment code. */
  number: string;
  /** A payment after expiry is here too, but the invoice itself does not show it. */
  payment?: InvoicePayment;
}

/** The fields that webhooks and reads share: ids, and the payment if `state` is a paid one. */
export function invoiceFields(i: Invoice, state: string, feeRupiah: number | null): Record<string, unknown> {
  const isPaid = state === 'PAID' || state === 'SETTLED';
  return {
    id: i.id,
    external_id: i.externalId,
    user_id: '5f0000000000000000000001',
    status: state,
    merchant_name: 'Antrean',
    amount: i.amountRupiah,
    description: i.description,
    currency: 'IDR',
    created: i.created.toISOString(),
    updated: i.updated.toISOString(),
    ...(i.successUrl === undefined ? {} : { success_redirect_url: i.successUrl }),
    ...(i.failureUrl === undefined ? {} : { failure_redirect_url: i.failureUrl }),
    items: i.items,
    ...(i.fees.length === 0 ? {} : { fees: i.fees }),
    ...(isPaid && i.payment ? paymentFields(i, i.payment) : {}),
    ...(isPaid && i.payment && feeRupiah !== null ? { fees_paid_amount: feeRupiah } : {}),
  };
}

function paymentFields(i: Invoice, p: InvoicePayment): Record<string, unknown> {
  const { paymentMethod } = methodOf(p.method);
  const common = {
    paid_amount: p.amountRupiah,
    paid_at: p.paidAt.toISOString(),
    payment_method: paymentMethod,
    payment_channel: p.method,
    payment_id: p.id,
    payment_method_id: p.methodId,
  };
  switch (paymentMethod) {
    case 'QR_CODE':
      return { ...common, payment_details: { receipt_id: i.number, source: 'DANA' } };
    case 'EWALLET':
      return { ...common, ewallet_type: p.method };
    case 'BANK_TRANSFER':
      return { ...common, bank_code: p.method, payment_destination: i.number };
    case 'RETAIL_OUTLET':
      return { ...common, payment_destination: i.number };
    case 'CREDIT_CARD': {
      const { payment_channel: _, ...rest } = common;
      return { ...rest, credit_card_charge_id: p.id };
    }
    default:
      return paymentMethod satisfies never;
  }
}

export interface XenditInvoices extends Omit<Controls, 'decideRefunds'> {
  create(o: Omit<Invoice, 'id' | 'state' | 'created' | 'updated' | 'number'>): Invoice;
  get(id: string): Invoice | undefined;
  byExternalId(externalId: string): readonly Invoice[];
  /** The invoice of a payment_id or payment_request_id. */
  byPayment(id: string): Invoice | undefined;
  /** Oldest first. */
  all(): readonly Invoice[];
  take(i: Invoice, method?: string): Outcome;
  payInvoice(
    i: Invoice,
    o: { method?: string | undefined; amountRupiah?: number | undefined; evenIfClosed: boolean },
  ): Outcome;
  end(i: Invoice): void;
  /** Expires it, if its time is over and the sweep has not run yet. */
  refresh(i: Invoice): void;
}

/** The merchant's invoices at Xendit, and acts of customers. */
export function createXenditInvoices(shared: Shared): XenditInvoices {
  const { config, switches, ledger, webhooks } = shared;
  const invoices: Invoice[] = [];
  const byId = new Map<string, Invoice>();
  const byExternalId = new Map<string, Invoice[]>();
  const byPayment = new Map<string, Invoice>();
  const pending = new Set<Invoice>();

  const move = (i: Invoice, to: InvoiceState): void => {
    if (!invoiceMoves[i.state].includes(to)) throw new Error(`A ${i.state} invoice cannot become ${to}.`);
    i.state = to;
    i.updated = new Date();
    pending.delete(i);
  };
  const tell = (i: Invoice, state: string): void =>
    webhooks.send({
      gateway: 'xendit',
      url: config.xenditWebhookUrl,
      headers: {
        'x-callback-token': config.xenditCallbackToken,
        ...(switches.xenditWebhookId === 'absent' ? {} : { 'webhook-id': randomUUID() }),
      },
      body: { ...invoiceFields(i, state, switches.xenditFeeRupiah), is_high: false },
    });
  const end = (i: Invoice): void => {
    move(i, 'EXPIRED');
    tell(i, 'EXPIRED');
  };
  const isOpen = (i: Invoice): boolean => i.state === 'PENDING' && i.expiresAt.getTime() > Date.now();
  const pick = (i: Invoice, asked: string | undefined): XenditMethodName | undefined =>
    asked === undefined ? (i.chosen ?? i.offered[0]) : i.offered.find((name) => name === asked);

  const refresh = (i: Invoice): void => {
    if (i.state === 'PENDING' && i.expiresAt.getTime() <= Date.now()) end(i);
  };

  const take: XenditInvoices['take'] = (i, asked) => {
    const method = pick(i, asked);
    if (!isOpen(i)) return refused('this orderId has nothing to pay');
    if (method === undefined) return refused('this method is not offered');
    i.chosen = method;
    return done;
  };

  const payInvoice: XenditInvoices['payInvoice'] = (i, o) => {
    refresh(i);
    // Late: the payment is taken and reported, and the invoice stays expired.
    const isLate = i.state === 'EXPIRED' && i.payment === undefined && o.evenIfClosed;
    if (!isOpen(i) && !isLate) return refused('this orderId has nothing to pay');
    const method = pick(i, o.method);
    if (method === undefined) return refused('this method is not offered');
    const { idPrefix } = methodOf(method);
    const p: InvoicePayment = {
      id: `${idPrefix}${randomUUID()}`,
      methodId: `pm-${randomUUID()}`,
      requestId: `pr-${randomUUID()}`,
      amountRupiah: o.amountRupiah ?? i.amountRupiah,
      method,
      paidAt: new Date(),
    };
    i.payment = p;
    i.chosen = method;
    byPayment.set(p.id, i);
    byPayment.set(p.requestId, i);
    ledger.paid({
      gateway: 'xendit',
      orderId: i.externalId,
      gatewayRef: i.id,
      amountRupiah: p.amountRupiah,
      method,
      paidAt: p.paidAt.toISOString(),
    });
    if (!isLate) move(i, 'PAID');
    if (!isLate || switches.xenditTellLatePayments) tell(i, 'PAID');
    return done;
  };

  /** The invoice of an external_id that fits, else the latest one. */
  const pickInvoice = (orderId: string, fits: (i: Invoice) => boolean): Invoice | undefined => {
    const found = byExternalId.get(orderId) ?? [];
    return found.findLast(fits) ?? found.at(-1);
  };
  const on = (orderId: string, fits: (i: Invoice) => boolean, run: (i: Invoice) => Outcome): Outcome => {
    const found = pickInvoice(orderId, fits);
    return found ? run(found) : refused('this orderId has no invoice');
  };

  return {
    take,
    payInvoice,
    end,
    refresh,
    create(o) {
      const now = new Date();
      const made: Invoice = {
        ...o,
        id: randomBytes(12).toString('hex'),
        state: 'PENDING',
        created: now,
        updated: now,
        number: `${randomInt(10 ** 10, 10 ** 11)}`,
      };
      invoices.push(made);
      byId.set(made.id, made);
      pending.add(made);
      const same = byExternalId.get(made.externalId);
      if (same) same.push(made);
      else byExternalId.set(made.externalId, [made]);
      return made;
    },
    get: (id) => byId.get(id),
    byExternalId: (externalId) => byExternalId.get(externalId) ?? [],
    byPayment: (id) => byPayment.get(id),
    all: () => invoices,
    sweep(now) {
      for (const i of pending) if (i.expiresAt <= now) end(i);
    },

    knows: (orderId) => byExternalId.has(orderId),
    choose: (orderId, method) => on(orderId, isOpen, (i) => take(i, method)),
    pay: (orderId, o) => on(orderId, isOpen, (i) => payInvoice(i, o)),
    /** A failed attempt leaves the invoice PENDING, without a webhook. */
    deny: (orderId) =>
      on(orderId, isOpen, (i) => (isOpen(i) ? done : refused('this orderId has nothing to pay'))),
    expire: (orderId) =>
      on(orderId, isOpen, (i) => {
        if (i.state !== 'PENDING') return refused(`a ${i.state} invoice does not expire`);
        i.expiresAt = new Date();
        end(i);
        return done;
      }),
    settle: (orderId) =>
      on(
        orderId,
        (i) => i.state === 'PAID',
        (i) => {
          if (i.state !== 'PAID') return refused(`a ${i.state} invoice is not settled`);
          move(i, 'SETTLED');
          if (switches.xenditSettledWebhook) tell(i, 'SETTLED');
          return done;
        },
      ),
    reverse: () => refused('Xendit invoices are not reversed'),
    chargeback: () => refused('Xendit invoices have no chargeback'),
    notify: (orderId, o) =>
      on(
        orderId,
        (i) => o.gatewayRef === undefined || i.id === o.gatewayRef,
        (i) => {
          if (o.gatewayRef !== undefined && i.id !== o.gatewayRef)
            return refused('this orderId has no such invoice');
          const state = o.status ?? (i.payment ? 'PAID' : i.state);
          tell(i, i.state === 'SETTLED' && o.status === undefined ? 'SETTLED' : state);
          return done;
        },
      ),
  };
}
