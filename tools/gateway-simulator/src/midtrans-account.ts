import { randomUUID } from 'node:crypto';
import { type Controls, done, type Outcome, refused } from './controls.ts';
import { type MidtransMethodName, methodOf } from './midtrans-methods.ts';
import {
  canMove,
  createTransactions,
  move,
  paidStates,
  refundedRupiah,
  type Transaction,
  type Transactions,
  type TransactionState,
} from './midtrans-transactions.ts';
import { fields, sign, statusCode } from './midtrans-wire.ts';
import type { MoneyBack } from './ledger.ts';
import type { Shared } from './shared.ts';

/** A Snap page. It has no transaction until the customer chooses a method. */
export interface Session {
  token: string;
  orderId: string;
  amountRupiah: number;
  /** Whether an account that charges customers its fee charges it here. */
  hasCustomerFee: boolean;
  description: string;
  finishUrl: string | undefined;
  offered: readonly MidtransMethodName[];
  pageExpiresAt: Date;
  /** The expiry of the method: from `startsAt`, else from its choice; undefined for the method's default. */
  methodExpiry: { startsAt: Date | undefined; durationMs: number } | undefined;
  customFields: Record<string, string>;
  notifyUrls: readonly string[];
  canceledAt?: Date;
  /** The latest transaction of this page; after a `deny` there may be another. */
  transaction?: Transaction;
}

export interface MidtransAccount extends Controls {
  transactions: Transactions;
  startSession(o: Omit<Session, 'token'>): Session;
  session(token: string): Session | undefined;
  sessionOf(orderId: string): Session | undefined;
  /** Whether the page still accepts a payment. */
  isOpen(s: Session): boolean;
  take(s: Session, method?: string): Outcome;
  payOnPage(s: Session, method?: string): Outcome;
  /** Changes the state and notifies the shop; refunded money is entered in the ledger. */
  change(t: Transaction, to: TransactionState): void;
  tell(t: Transaction): void;
  /** Approves a challenged card. */
  approve(t: Transaction): void;
  /** Expires it, if its time is over and the sweep has not run yet. */
  refresh(t: Transaction): void;
  describe(
    t: Transaction,
    o: { statusCode: string; message: string; orderId?: string },
  ): Record<string, unknown>;
  /** The next refund_chargeback_id; counts up for the account. */
  nextRefundId(): number;
  bookBack(t: Transaction, kind: MoneyBack['kind'], ref: string, amountRupiah: number): void;
}

/** The merchant's account at Midtrans: pages and transactions, and acts of customers and banks. */
export function createMidtransAccount(
  shared: Shared,
  decideRefunds: (account: MidtransAccount, orderId: string, outcome: 'succeed' | 'fail') => Outcome,
): MidtransAccount {
  const { config, switches, ledger, webhooks } = shared;
  const transactions = createTransactions();
  const sessions = new Map<string, Session>();
  const tokenOf = new Map<string, string>();
  let refundIds = 0;
  const secret = () => switches.midtransSignatureSecret ?? config.midtransServerKey;

  const describe: MidtransAccount['describe'] = (t, o) =>
    fields(t, { orderId: t.orderId, ...o, secret: secret(), switches });

  const send = (t: Transaction, body: Record<string, unknown>): void => {
    for (const url of t.notifyUrls)
      webhooks.send({
        gateway: 'midtrans',
        url,
        headers: { 'user-agent': 'Veritrans', accept: 'application/json' },
        body,
        sign: (changed) => sign(changed, secret()),
      });
  };
  const message = 'midtrans payment notification';
  const tell = (t: Transaction): void =>
    send(t, describe(t, { statusCode: statusCode(t, 'notification', switches), message }));

  const bookBack: MidtransAccount['bookBack'] = (t, kind, ref, amountRupiah) => {
    const at = new Date().toISOString();
    ledger.paidBack({
      gateway: 'midtrans',
      orderId: t.orderId,
      gatewayRef: t.id,
      kind,
      ref,
      method: t.method,
      amountRupiah,
      at,
    });
  };
  const left = (t: Transaction): number => t.amountRupiah - refundedRupiah(t) - t.chargedBackRupiah;

  const change: MidtransAccount['change'] = (t, to) => {
    const before = t.state;
    move(t, to);
    const hadMoney = paidStates.has(before) && t.fraud === 'accept';
    if (hadMoney && to === 'cancel') bookBack(t, 'void', t.id, left(t));
    if (hadMoney && to === 'deny') bookBack(t, 'reversal', t.id, left(t));
    tell(t);
  };

  const bookPayment = (t: Transaction): void => {
    t.paidAt = new Date();
    ledger.paid({
      gateway: 'midtrans',
      orderId: t.orderId,
      gatewayRef: t.id,
      amountRupiah: t.amountRupiah,
      method: t.method,
      paidAt: t.paidAt.toISOString(),
    });
  };

  const open = (s: Session, method: MidtransMethodName): Transaction => {
    const now = Date.now();
    const { startsAt, durationMs } = s.methodExpiry ?? {
      startsAt: undefined,
      durationMs: methodOf(method).expiryMinutes * 60_000,
    };
    const customerFeeRupiah = s.hasCustomerFee ? (switches.midtransCustomerFeeRupiah ?? 0) : 0;
    const t = transactions.open({
      orderId: s.orderId,
      method,
      originalRupiah: s.amountRupiah,
      customerFeeRupiah,
      amountRupiah: s.amountRupiah + customerFeeRupiah,
      createdAt: new Date(now),
      expiresAt: new Date((startsAt?.getTime() ?? now) + durationMs),
      customFields: s.customFields,
      notifyUrls: s.notifyUrls,
    });
    s.transaction = t;
    return t;
  };
  const pickMethod = (s: Session, asked: string | undefined): MidtransMethodName | undefined =>
    asked === undefined ? s.offered[0] : s.offered.find((name) => name === asked);

  const isPageOpen = (s: Session): boolean =>
    s.canceledAt === undefined && s.pageExpiresAt.getTime() > Date.now();
  const canTake = (s: Session): boolean =>
    isPageOpen(s) && (s.transaction === undefined || s.transaction.state === 'deny');
  const isCodeOpen = (t: Transaction | undefined): boolean =>
    t !== undefined && t.state === 'pending' && t.expiresAt.getTime() > Date.now();

  const take: MidtransAccount['take'] = (s, asked) => {
    if (!canTake(s)) return refused('no method can be chosen: one is chosen already, or the page is closed');
    const method = pickMethod(s, asked);
    if (method === undefined) return refused('this method is not offered');
    tell(open(s, method));
    return done;
  };

  const refresh = (t: Transaction): void => {
    if ((t.state === 'pending' || t.state === 'authorize') && t.expiresAt.getTime() <= Date.now())
      change(t, 'expire');
  };

  /** The transaction that a payment goes to. A payment code outlives its page. */
  const payable = (s: Session, asked: string | undefined, evenIfClosed: boolean): Transaction | Outcome => {
    const t = s.transaction;
    if (t) refresh(t);
    if (t && (isCodeOpen(t) || (evenIfClosed && canMove(t, 'settlement') && t.paidAt === undefined)))
      return asked === undefined || asked === t.method ? t : refused(`${t.method} was chosen already`);
    if (!canTake(s) && !(evenIfClosed && t === undefined)) return refused('this orderId has nothing to pay');
    const method = pickMethod(s, asked);
    return method === undefined ? refused('this method is not offered') : open(s, method);
  };
  const receive = (t: Transaction, amountRupiah: number | undefined): void => {
    if (amountRupiah !== undefined) t.amountRupiah = amountRupiah;
    if (t.method !== 'credit_card' || t.state !== 'pending') {
      bookPayment(t);
      t.settledAt = new Date();
      change(t, 'settlement');
      return;
    }
    if (switches.midtransCard === 'authorize') {
      change(t, 'authorize');
      return;
    }
    if (switches.midtransCard === 'challenge') t.fraud = 'challenge';
    else bookPayment(t);
    change(t, 'capture');
  };
  const pay = (
    s: Session,
    o: { method?: string | undefined; amountRupiah?: number | undefined; evenIfClosed: boolean },
  ): Outcome => {
    const t = payable(s, o.method, o.evenIfClosed);
    if ('kind' in t) return t;
    receive(t, o.amountRupiah);
    return done;
  };

  const sessionOf = (orderId: string) => sessions.get(tokenOf.get(orderId) ?? '');
  const withTransaction = (orderId: string, run: (t: Transaction) => Outcome): Outcome => {
    const t = transactions.find(orderId);
    return t ? run(t) : refused('this orderId has no transaction: no method was chosen');
  };

  const account: MidtransAccount = {
    transactions,
    describe,
    change,
    tell,
    take,
    bookBack,
    nextRefundId: () => (refundIds += 1),
    approve(t) {
      t.fraud = 'accept';
      bookPayment(t);
      tell(t);
    },
    session: (token) => sessions.get(token),
    sessionOf,
    isOpen: (s) => isPageOpen(s) && (canTake(s) || isCodeOpen(s.transaction)),
    payOnPage: (s, method) =>
      isPageOpen(s) ? pay(s, { method, evenIfClosed: false }) : refused('the page is closed'),
    startSession(o) {
      sessions.delete(tokenOf.get(o.orderId) ?? '');
      const s: Session = { ...o, token: randomUUID() };
      tokenOf.set(o.orderId, s.token);
      sessions.set(s.token, s);
      return s;
    },
    refresh,
    sweep(now) {
      for (const t of transactions.waiting()) if (t.expiresAt <= now) change(t, 'expire');
    },

    knows: (orderId) => tokenOf.has(orderId) || transactions.find(orderId) !== undefined,
    choose(orderId, method) {
      const s = sessionOf(orderId);
      return s ? take(s, method) : refused('this orderId has no page');
    },
    pay(orderId, o) {
      const s = sessionOf(orderId);
      return s ? pay(s, o) : refused('this orderId has no page');
    },
    deny(orderId, method) {
      const s = sessionOf(orderId);
      if (!s) return refused('this orderId has no page');
      const t = s.transaction?.state === 'authorize' ? s.transaction : payable(s, method, false);
      if ('kind' in t) return t;
      change(t, 'deny');
      return done;
    },
    /** Expires the transaction, or the page if it has none, as time does. */
    expire(orderId) {
      const s = sessionOf(orderId);
      const t = s?.transaction ?? (s ? undefined : transactions.find(orderId));
      if (s) s.pageExpiresAt = new Date(Math.min(s.pageExpiresAt.getTime(), Date.now()));
      if (!t) return s ? done : refused('this orderId has no page');
      if (!canMove(t, 'expire')) return refused(`a ${t.state} transaction does not expire`);
      t.expiresAt = new Date();
      change(t, 'expire');
      return done;
    },
    settle: (orderId) =>
      withTransaction(orderId, (t) => {
        if (t.state === 'authorize') {
          bookPayment(t);
          change(t, 'capture');
          return done;
        }
        if (t.state !== 'capture' || t.fraud !== 'accept')
          return refused(`a ${t.state} transaction is not settled`);
        t.settledAt = new Date();
        change(t, 'settlement');
        return done;
      }),
    reverse: (orderId) =>
      withTransaction(orderId, (t) => {
        if (t.state !== 'settlement') return refused(`a ${t.state} transaction is not reversed`);
        change(t, 'deny');
        return done;
      }),
    chargeback: (orderId, amountRupiah) =>
      withTransaction(orderId, (t) => {
        const most = left(t);
        const amount = amountRupiah ?? most;
        if (amount > most) return refused(`at most ${most} rupiah can be charged back`);
        const to = amount === most ? 'chargeback' : 'partial_chargeback';
        if (!canMove(t, to)) return refused(`a ${t.state} transaction is not charged back`);
        t.chargedBackRupiah += amount;
        bookBack(t, 'chargeback', t.id, amount);
        change(t, to);
        return done;
      }),
    notify: (orderId, o) =>
      withTransaction(o.gatewayRef ?? orderId, (t) => {
        if (t.orderId !== orderId) return refused('this transaction belongs to another orderId');
        if (o.status === undefined) {
          tell(t);
          return done;
        }
        const code = notifiedCodes[o.status.toLowerCase()] ?? '200';
        send(t, { ...describe(t, { statusCode: code, message }), transaction_status: o.status });
        return done;
      }),
    decideRefunds: (orderId, outcome) => decideRefunds(account, orderId, outcome),
  };
  return account;
}

const notifiedCodes: Record<string, string> = { pending: '201', deny: '202', cancel: '202', expire: '202' };
