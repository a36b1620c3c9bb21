import {
  adjustRefundedTotals,
  disputeAttempts,
  scheduleStatusChecks,
  type EndedRefund,
  endAttempts,
  endRefunds,
  freeTransferAmounts,
  type HeldProduct,
  insertRefunds,
  insertShipments,
  type LockedOrder,
  type LockedStock,
  markAttemptsPaid,
  movePaymentExceptions,
  moveMoney,
  moveOrders,
  moveStock,
  type NewPaymentException,
  type OpenedException,
  openPaymentExceptions,
  type OrderMove,
  type PaidAttempt,
  type PaymentAttempt,
  postpone,
  recordFees,
  type Refund,
  type StockMovement,
  undoAttempts,
  type UndoneAttempt,
} from '@antrean/db';
import {
  nextStatusCheckInMs,
  type AttemptState,
  type PaymentExceptionKind,
  type PaymentExceptionState,
  CLOSED_STATE,
  type ClosingReason,
  mayMove,
  moneyMovement,
  type MoneyMovement,
  type MoneyMovementKind,
  type MovementKind,
  type OrderState,
  REFUNDED_BY_ITSELF,
  REVERSAL_HOLD_MS,
  type PaymentOutcome,
  TRANSFER_AMOUNT_RESTS_MS,
} from '@antrean/domain';
import type { Received } from '@antrean/payments';

/** What moves stock or money, besides a reservation. */
export type OrderCommand =
  /** Money has come for an attempt: mostly its order is paid, and its stock committed. */
  | {
      kind: 'pay';
      orderId: string;
      attemptId: string;
      received: Received & { mayReverse: boolean };
      actor: string;
    }
  /** A bank took the money of an attempt back; of a partial chargeback nobody says how much. */
  | {
      kind: 'undo';
      orderId: string;
      attemptId: string;
      how: 'reversal' | 'chargeback' | 'partial_chargeback';
      actor: string;
    }
  /** The gateway says that this much has gone back by refunds, of which some may not be ours. */
  | { kind: 'record_external_refund'; orderId: string; attemptId: string; backRupiah: number; actor: string }
  /** An admin ends a held order whose money was taken back. */
  | { kind: 'void'; orderId: string; actor: string; reason: string }
  /** A payment that was held back has stood its time, or an admin lets it go. */
  | { kind: 'release_hold'; orderId: string; actor: string; reason: string; unlessDisputed?: boolean }
  /** A closing order can be paid no more, as its open attempt (if it had one) is closed: its stock is released. */
  | { kind: 'close'; orderId: string; closedAttemptId: string | undefined }
  /** Money of an attempt is to go back. */
  | {
      kind: 'request_refund';
      orderId: string;
      attemptId: string;
      refundId: string;
      amountRupiah: number;
      exceptionId: number | null;
      reason: string;
      actor: string;
    }
  /** What became of a refund; `payoutReference` of one that was paid out by hand. */
  | {
      kind: 'end_refund';
      orderId: string;
      refundId: string;
      outcome: EndedRefund['state'];
      gatewayRef?: string;
      feeRupiah?: number;
      failureCode?: string;
      payoutReference?: string;
      actor: string;
    }
  | { kind: 'ship'; orderId: string; carrier: string; trackingNumber: string; actor: string }
  | { kind: 'receive'; sku: string; quantity: number; reference: string; actor: string; reason: string };

type CommandOf<K extends OrderCommand['kind']> = Extract<OrderCommand, { kind: K }>;

/** What became of a change. Asked again, each answers the same. */
export interface CommandOutcomes {
  pay: PaymentOutcome;
  undo: 'undone' | 'known';
  record_external_refund: 'ours' | 'elsewhere';
  /** `kept` when the order is not held, or its money is there. */
  void: 'voided' | 'kept';
  /** `kept` when the order is not held, or its money is gone. */
  release_hold: 'released' | 'kept';
  /** `kept` when the order is not closing, or has an attempt that can still be paid. */
  close: 'closed' | 'kept';
  /** `other_refund`: another one has this id. */
  request_refund: 'requested' | 'not_paid' | 'too_much' | 'other_refund' | 'wrong_exception';
  /** The state that it ended in, which is `refused` for what cannot be sent and need not be any more. */
  end_refund: EndedRefund['state'] | 'known';
  ship: 'shipped' | 'not_paid';
  receive: 'received' | 'known' | 'unknown_product';
}

const CLOSED_BECAUSE = {
  not_paid_in_time: 'not paid in time',
  cancelled: 'cancelled',
} as const satisfies Record<ClosingReason, string>;

/** Before everything else that is to be asked about. */
const POLL_FIRST_MS = 24 * 3_600_000;

interface Why {
  actor: string;
  reason: string;
}

/** What a round found, under the locks of its orders, their stock and their sale items. */
export interface LoadedState {
  stock: readonly LockedStock[];
  saleItems: readonly { flashSaleItemId: number; quotaLeft: number; limitPerBuyer: number | null }[];
  allowances: readonly { flashSaleItemId: number; buyerKey: string; quantity: number }[];
  orders: readonly LockedOrder[];
  attempts: readonly PaymentAttempt[];
  refunds: readonly Refund[];
  sold: readonly { orderId: string; sale: number; code: number }[];
  /** Those that refunds of the batch name. */
  exceptions: readonly OpenedException[];
  held: readonly HeldProduct[];
  knownGoodsReceipts: readonly { productId: number; reference: string }[];
}

/**
 * What a round of a batch will write, as it is decided change by change from the locked rows. Of an order, at most one
 * change is about what goes back, and then it is the only one.
 */
export class UnitOfWork {
  readonly #stock: readonly LockedStock[];
  readonly #orders: Map<string, LockedOrder>;
  readonly #attempts: Map<string, PaymentAttempt>;
  readonly #refunds: Map<string, Refund>;
  readonly #openedExceptions: Map<number, OpenedException>;
  /** What of an order is sold and not undone, in rupiah. */
  readonly #sold: Map<string, { sale: number; code: number }>;
  readonly #held: readonly HeldProduct[];
  readonly #deliveries: Set<string>;
  /** By product, by sale item, and by sale item and buyer. */
  readonly #available: Map<number, number>;
  readonly #quotaLeft: Map<number, number>;
  readonly #allowanceLeft: Map<string, number>;
  readonly #now: Date;
  readonly #refundByItself: boolean;

  readonly #moves: OrderMove[] = [];
  readonly #movements: StockMovement[] = [];
  readonly #paid: PaidAttempt[] = [];
  readonly #undone: UndoneAttempt[] = [];
  readonly #disputed: string[] = [];
  readonly #fees: MoneyMovement[] = [];
  /** Orders that wait for a person, not for a time. */
  readonly #heldOrders = new Set<string>();
  readonly #returned: { id: string; rupiah: number }[] = [];
  readonly #endedAttempts = { closed: [] as string[], abandoned: [] as string[] };
  readonly #toAsk: string[] = [];
  readonly #money: MoneyMovement[] = [];
  readonly #exceptions: (NewPaymentException & { refund?: NewRefund })[] = [];
  readonly #exceptionMoves: { id: number; to: PaymentExceptionState; actor: string; resolution: string }[] =
    [];
  readonly #newRefunds: (NewRefund & { exceptionId: number })[] = [];
  readonly #endedRefunds: EndedRefund[] = [];
  readonly #shipments: { orderId: string; carrier: string; trackingNumber: string; shippedBy: string }[] = [];

  constructor(found: LoadedState, { now, refundByItself }: { now: Date; refundByItself: boolean }) {
    this.#stock = found.stock;
    this.#orders = new Map(found.orders.map((order) => [order.orderId, order]));
    this.#attempts = new Map(found.attempts.map((attempt) => [attempt.id, attempt]));
    this.#refunds = new Map(found.refunds.map((refund) => [refund.id, refund]));
    this.#openedExceptions = new Map(found.exceptions.map((row) => [row.id, row]));
    this.#sold = new Map(found.sold.map(({ orderId, sale, code }) => [orderId, { sale, code }]));
    this.#held = found.held;
    this.#deliveries = new Set(
      found.knownGoodsReceipts.map(({ productId, reference }) => `${productId} ${reference}`),
    );
    this.#available = new Map(found.stock.map(({ productId, available }) => [productId, available]));
    this.#quotaLeft = new Map(found.saleItems.map((item) => [item.flashSaleItemId, item.quotaLeft]));
    const limits = new Map(found.saleItems.map((item) => [item.flashSaleItemId, item.limitPerBuyer]));
    this.#allowanceLeft = new Map(
      found.allowances.map(({ flashSaleItemId: item, buyerKey, quantity }) => [
        `${item} ${buyerKey}`,
        (limits.get(item) ?? Number.MAX_SAFE_INTEGER) - quantity,
      ]),
    );
    this.#now = now;
    this.#refundByItself = refundByItself;
  }

  add(change: OrderCommand): CommandOutcomes[OrderCommand['kind']] {
    switch (change.kind) {
      case 'pay':
        return this.#pay(change);
      case 'undo':
        return this.#undo(change);
      case 'record_external_refund':
        return this.#recordExternalRefund(change);
      case 'void':
        return this.#void(change);
      case 'release_hold':
        return this.#releaseHold(change);
      case 'close':
        return this.#close(change);
      case 'request_refund':
        return this.#requestRefund(change);
      case 'end_refund':
        return this.#endRefund(change);
      case 'ship':
        return this.#ship(change);
      case 'receive':
        return this.#receive(change);
    }
    return change satisfies never;
  }

  async write(trx: Parameters<typeof moveStock>[0]): Promise<void> {
    const nextPollAt = this.#nextPollAtOf('closed', 0);
    const { closed, abandoned } = this.#endedAttempts;
    const restsUntil = new Date(this.#now.getTime() + TRANSFER_AMOUNT_RESTS_MS);
    await Promise.all([
      moveOrders(trx, this.#moves),
      endAttempts(trx, abandoned, 'abandoned', nextPollAt),
      endAttempts(trx, closed, 'closed', nextPollAt),
      markAttemptsPaid(trx, this.#paid),
      undoAttempts(trx, this.#undone),
      disputeAttempts(trx, this.#disputed, this.#now),
      adjustRefundedTotals(trx, this.#returned),
      scheduleStatusChecks(trx, this.#toAsk, new Date(this.#now.getTime() - POLL_FIRST_MS)),
      this.#transferAmountsEnd(trx, restsUntil),
      moveMoney(trx, this.#money),
      recordFees(trx, this.#fees),
      movePaymentExceptions(trx, this.#exceptionMoves),
      endRefunds(trx, this.#endedRefunds),
      insertShipments(trx, this.#shipments),
      moveStock(trx, this.#movements, this.#stock),
    ]);
    await Promise.all([...this.#heldOrders].map((orderId) => postpone(trx, orderId, null)));
    const opened = await openPaymentExceptions(
      trx,
      this.#exceptions.map(({ refund: _, ...newException }) => newException),
    );
    const refunds = this.#exceptions.flatMap(({ refund, kind, subject }) => {
      const exceptionId = opened.find((row) => row.kind === kind && row.subject === subject)?.id;
      return refund === undefined || exceptionId === undefined ? [] : [{ ...refund, exceptionId }];
    });
    await this.#writeRefunds(trx, [...this.#newRefunds, ...refunds]);
  }

  async #writeRefunds(
    trx: Parameters<typeof moveStock>[0],
    refunds: readonly (NewRefund & { exceptionId: number })[],
  ): Promise<void> {
    if (refunds.length === 0) return;
    await Promise.all([
      insertRefunds(trx, refunds),
      movePaymentExceptions(
        trx,
        refunds.map(({ exceptionId, state, requestedBy }) => ({
          id: exceptionId,
          // One that is made already is for a person to look at.
          to: state === 'manual_payout' ? state : state === 'succeeded' ? 'open' : 'refunding',
          actor: requestedBy,
          resolution: '',
        })),
      ),
    ]);
  }

  async #transferAmountsEnd(trx: Parameters<typeof moveStock>[0], at: Date): Promise<void> {
    const ended = [...this.#endedAttempts.closed, ...this.#paid.map(({ id }) => id)];
    const transfers = ended.filter((id) => this.#attempts.get(id)?.gateway === 'bank_transfer');
    await freeTransferAmounts(trx, transfers, at);
  }

  #pay({ orderId, attemptId, received, actor }: CommandOf<'pay'>): PaymentOutcome {
    const attempt = this.#attemptOf(attemptId);
    if (attempt.outcome !== null) {
      if (attempt.state === 'reversed' || attempt.state === 'charged_back')
        this.#reinstatePayment(attempt, received, actor);
      // Another line of the bank's statement, for a transfer that has come: the customer sent it twice. It is for a person
      // to count, as an attempt holds one payment.
      if (attempt.gateway === 'bank_transfer' && received.transactionId !== attempt.transactionId) {
        const { amountRupiah, transactionId } = received;
        const detail = `${amountRupiah} IDR came for ${attemptId} as ${transactionId}, after ${attempt.transactionId}; it is not booked.`;
        this.#open('second_payment', attempt, `${attemptId} ${transactionId}`, amountRupiah, { detail });
        return 'second_payment';
      }
      return attempt.outcome;
    }
    const why = { actor, reason: `${actor} confirmed ${attemptId}` };
    const outcome = this.#outcomeOf(attempt, received);
    const { amountRupiah, transactionId, method = null, paidAt = this.#now } = received;
    // Money of another currency is for a person to count.
    const isCountable = received.currency === 'IDR';
    if (isCountable) {
      this.#paid.push({
        id: attemptId,
        transactionId,
        method,
        outcome,
        receivedRupiah: amountRupiah,
        paidAt,
        nextPollAt: this.#nextPollAtOf('paid', 0),
      });
      this.#attempts.set(attemptId, {
        ...attempt,
        ...{ state: 'paid', outcome, receivedRupiah: amountRupiah, transactionId, method },
      });
      this.#book('payment', amountRupiah, attempt, attemptId, actor);
      this.#bookFee(received.feeRupiah, attempt, attemptId, actor);
    }
    if (outcome === 'paid') {
      this.#settle(attempt, received, why);
    } else {
      const returnsByItself =
        this.#refundByItself && REFUNDED_BY_ITSELF.includes(outcome) && attempt.gateway !== 'bank_transfer';
      this.#open(outcome, attempt, attemptId, isCountable ? amountRupiah : null, {
        detail: `${amountRupiah} ${received.currency} came for ${attemptId} (${attempt.amountRupiah} asked for), and the order was ${this.#orderOf(orderId).state}.`,
        ...(returnsByItself
          ? {
              refund: this.#newRefund(`rf-${attemptId}`, attempt, amountRupiah, outcome, 'worker', received),
            }
          : {}),
      });
    }
    return outcome;
  }

  #outcomeOf(attempt: PaymentAttempt, { amountRupiah, currency }: Received): PaymentOutcome {
    const { state } = this.#orderOf(attempt.orderId);
    if (currency !== 'IDR' || amountRupiah !== attempt.amountRupiah) return 'wrong_amount';
    switch (state) {
      case 'paid':
      case 'payment_hold':
      case 'shipped':
      case 'refunded':
        return 'second_payment';
      case 'cancelled':
        return 'paid_after_cancel';
      case 'expired':
        return this.#takesBack(attempt.orderId) ? 'paid' : 'paid_too_late';
      case 'reserved':
      case 'awaiting_payment':
      case 'closing':
        // Nobody can close a transfer at a bank, and another instrument has taken its place.
        return attempt.gateway === 'bank_transfer' && attempt.state === 'closed' ? 'late_transfer' : 'paid';
      case 'queued':
      case 'rejected':
        throw new Error(`Order ${attempt.orderId} is ${state} and has a payment attempt.`);
    }
    return state satisfies never;
  }

  /** The order is paid: its stock is committed, its price is sold. */
  #settle(attempt: PaymentAttempt, received: Received & { mayReverse: boolean }, why: Why): void {
    const { orderId } = attempt;
    const { state, totalRupiah } = this.#orderOf(orderId);
    const total = totalRupiah ?? 0;
    const wasExpired = state === 'expired';
    // The payment may beat the answer to our own call: the order passes through awaiting_payment.
    if (state === 'reserved') this.#move(orderId, 'awaiting_payment', why);
    const holdUntil = new Date(this.#now.getTime() + REVERSAL_HOLD_MS);
    if (received.mayReverse) this.#move(orderId, 'payment_hold', why, holdUntil);
    else this.#move(orderId, 'paid', why);
    this.#moveStockOf(orderId, wasExpired ? 'reinstate' : 'commit', why);
    this.#book('sale', total, attempt, attempt.id, why.actor);
    const code = attempt.gateway === 'bank_transfer' ? attempt.amountRupiah - total : 0;
    this.#book('transfer_code', code, attempt, attempt.id, why.actor);
    this.#sold.set(orderId, { sale: total, code });
    for (const other of this.#attempts.values()) {
      if (other.orderId !== orderId || other.id === attempt.id) continue;
      // Whatever else is out must be closed at its gateway at once; the link of an unfinished one reached nobody.
      // A transfer cannot be closed: one that comes is a case.
      if (other.state === 'active' && other.gateway === 'bank_transfer')
        this.#endedAttempts.closed.push(other.id);
      else if (other.state === 'active') this.#toAsk.push(other.id);
      if (['created', 'sent', 'unknown'].includes(other.state)) this.#endedAttempts.abandoned.push(other.id);
    }
  }

  /** A dispute that was won, or a reversal that was none. */
  #reinstatePayment(attempt: PaymentAttempt, received: Received, actor: string): void {
    const { state } = this.#orderOf(attempt.orderId);
    const { id, outcome, receivedRupiah, takenBackRupiah } = attempt;
    if (outcome === null || receivedRupiah === null || received.currency !== 'IDR') return;
    this.#paid.push({
      ...{ id, outcome, receivedRupiah, transactionId: received.transactionId },
      method: attempt.method,
      paidAt: this.#now,
      nextPollAt: this.#nextPollAtOf('paid', 0),
    });
    this.#attempts.set(id, { ...attempt, state: 'paid', takenBackRupiah: 0 });
    const reference = `${id}/${attempt.timesUndone}`;
    this.#book('payment', takenBackRupiah, attempt, reference, actor);
    if (state === 'cancelled' || state === 'refunded') {
      const detail = `${takenBackRupiah} IDR of ${id} came back after the order was ${state}.`;
      this.#open('paid_after_cancel', attempt, reference, takenBackRupiah, { detail });
    }
  }

  #undo({ orderId, attemptId, how, actor }: CommandOf<'undo'>): 'undone' | 'known' {
    const attempt = this.#attemptOf(attemptId);
    if (attempt.state !== 'paid' || attempt.receivedRupiah === null) return 'known';
    const { state } = this.#orderOf(orderId);
    const why = { actor, reason: `${how} of ${attemptId}` };
    const paysItsOrder = attempt.outcome === 'paid';
    if (how === 'partial_chargeback') {
      if (attempt.disputedAt !== null) return 'known';
      this.#disputed.push(attemptId);
      this.#attempts.set(attemptId, { ...attempt, disputedAt: this.#now });
      if (paysItsOrder) this.#hold(orderId, why);
      const detail = `A part of ${attemptId} was charged back, and ${actor} does not say how much; the order was ${state}.`;
      this.#open(how, attempt, attemptId, null, { detail });
      return 'undone';
    }
    this.#refuseUnsentRefunds(attempt, why);
    // A refund that is under way may still go: that is seen when it ends.
    const takenBackRupiah = attempt.receivedRupiah - this.#refundedOf(attemptId);
    const to = how === 'reversal' ? 'reversed' : 'charged_back';
    const timesUndone = attempt.timesUndone + 1;
    this.#undone.push({ id: attemptId, to, takenBackRupiah });
    this.#attempts.set(attemptId, { ...this.#attemptOf(attemptId), state: to, takenBackRupiah, timesUndone });
    const reference = `${attemptId}/${timesUndone}`;
    this.#book(how, takenBackRupiah, attempt, reference, actor);
    if (state === 'payment_hold' && how === 'reversal' && paysItsOrder) {
      this.#endPaidOrder(attempt, why);
      return 'undone';
    }
    if (paysItsOrder) this.#hold(orderId, why);
    const detail = `${takenBackRupiah} IDR of ${attemptId} went back by ${how}, and the order was ${state}.`;
    // All of it had gone back by refunds: the bank has taken it once more, and nobody says how much.
    if (takenBackRupiah === 0) this.#open('paid_back_twice', attempt, reference, null, { detail });
    else this.#open(how, attempt, reference, takenBackRupiah, { detail });
    return 'undone';
  }

  /** What was not sent yet is not sent any more: its money is gone. */
  #refuseUnsentRefunds(attempt: PaymentAttempt, { actor, reason }: Why): void {
    for (const refund of this.#refunds.values()) {
      if (refund.attemptId !== attempt.id || !['requested', 'manual_payout'].includes(refund.state)) continue;
      this.#refunds.set(refund.id, { ...refund, state: 'refused' });
      this.#endedRefunds.push({
        ...{ id: refund.id, state: 'refused', gatewayRef: null, payoutReference: null, failureCode: reason },
      });
      this.#adjustRefundedTotal(attempt, -refund.amountRupiah);
      if (refund.exceptionId !== null)
        this.#exceptionMoves.push({ id: refund.exceptionId, to: 'resolved', actor, resolution: reason });
    }
  }

  /** A refund that was made elsewhere counts like one of ours, and a person hears of it. */
  #recordExternalRefund({
    orderId,
    attemptId,
    backRupiah,
    actor,
  }: CommandOf<'record_external_refund'>): 'ours' | 'elsewhere' {
    const attempt = this.#attemptOf(attemptId);
    const received = attempt.receivedRupiah ?? 0;
    const ofAttempt = [...this.#refunds.values()].filter((refund) => refund.attemptId === attemptId);
    // Ours count from the moment they are asked for; what is paid out by hand does not go through the gateway.
    const byHand = ofAttempt
      .filter(({ state, payoutReference }) => state === 'manual_payout' || payoutReference !== null)
      .reduce((sum, { amountRupiah, state }) => sum + (state === 'refused' ? 0 : amountRupiah), 0);
    const elsewhere = Math.min(backRupiah, received) - (attempt.returnedRupiah - byHand);
    if (attempt.state !== 'paid' || elsewhere <= 0) return 'ours';
    const id = `out-${attemptId}-${ofAttempt.length + 1}`;
    const why = { actor, reason: `refund ${id}` };
    if (elsewhere > received - attempt.returnedRupiah) this.#refuseUnsentRefunds(attempt, why);
    const entered = Math.min(elsewhere, received - this.#attemptOf(attemptId).returnedRupiah);
    const detail = `${actor} says that ${backRupiah} IDR of ${attemptId} went back; of ${elsewhere} we knew nothing. The order was ${this.#orderOf(orderId).state}.`;
    if (entered < elsewhere) this.#open('paid_back_twice', attempt, id, elsewhere - entered, { detail });
    if (entered <= 0) return 'elsewhere';
    const refund = this.#newRefund(id, attempt, entered, 'made elsewhere', actor);
    const known = this.#refunds.get(id);
    if (known !== undefined) this.#refunds.set(id, { ...known, state: 'succeeded' });
    this.#open('external_refund', attempt, id, entered, {
      ...{ detail, refund: { ...refund, state: 'succeeded', dueAt: null } },
    });
    this.#book('refund', entered, attempt, id, actor);
    this.#lessSold(attempt, { id, amountRupiah: entered }, why);
    // With what we have asked for it is all: what is to be paid back in full must not be sent meanwhile.
    const isAll = this.#attemptOf(attemptId).returnedRupiah >= received;
    if (isAll && attempt.outcome === 'paid') this.#hold(orderId, why);
    return 'elsewhere';
  }

  #void({ orderId, actor, reason }: CommandOf<'void'>): 'voided' | 'kept' {
    const settled = this.#settledAttemptOf(orderId);
    if (this.#orderOf(orderId).state !== 'payment_hold' || settled === undefined) return 'kept';
    if (settled.state === 'paid') {
      // Won back after all of it had been refunded: then it ends as refunded.
      this.#lessSold(settled, { id: `${settled.id}/end`, amountRupiah: 0 }, { actor, reason });
      return this.#orderOf(orderId).state === 'refunded' ? 'voided' : 'kept';
    }
    this.#endPaidOrder(settled, { actor, reason });
    return 'voided';
  }

  /** Keeps a paid order from being sent until a person, or a refund, has decided. */
  #hold(orderId: string, why: Why): void {
    const { state } = this.#orderOf(orderId);
    if (state === 'paid') this.#move(orderId, 'payment_hold', why);
    else if (state === 'payment_hold') this.#heldOrders.add(orderId);
  }

  #releaseHold({
    orderId,
    actor,
    reason,
    unlessDisputed = false,
  }: CommandOf<'release_hold'>): 'released' | 'kept' {
    if (this.#orderOf(orderId).state !== 'payment_hold') return 'kept';
    const settled = this.#settledAttemptOf(orderId);
    if (settled?.state !== 'paid') return 'kept';
    if (unlessDisputed && settled.disputedAt !== null) return 'kept';
    // All of it is on its way back.
    if (settled.returnedRupiah >= (settled.receivedRupiah ?? 0)) return 'kept';
    this.#move(orderId, 'paid', { actor, reason });
    return 'released';
  }

  #close({ orderId, closedAttemptId }: CommandOf<'close'>): 'closed' | 'kept' {
    const { state, closingReason } = this.#orderOf(orderId);
    if (state !== 'closing' || closingReason === null) return 'kept';
    // One that became active since was not closed: the sweeper brings the order back.
    const ofOrder = [...this.#attempts.values()].filter((attempt) => attempt.orderId === orderId);
    const isOpen = (attempt: PaymentAttempt) => mustBeClosed(attempt) || awaitsReview(attempt, closingReason);
    if (ofOrder.some((attempt) => isOpen(attempt) && attempt.id !== closedAttemptId)) return 'kept';
    const why = { actor: 'worker', reason: CLOSED_BECAUSE[closingReason] };
    for (const { id, state: attemptState } of ofOrder) {
      if (attemptState === 'active') this.#endedAttempts.closed.push(id);
      // The link of an unfinished attempt never reached a customer, so nobody can pay it.
      if (['created', 'sent', 'unknown'].includes(attemptState)) this.#endedAttempts.abandoned.push(id);
    }
    this.#move(orderId, CLOSED_STATE[closingReason], why);
    this.#moveStockOf(orderId, 'release', why);
    return 'closed';
  }

  #requestRefund(change: CommandOf<'request_refund'>): CommandOutcomes['request_refund'] {
    const { orderId, attemptId, refundId, amountRupiah, exceptionId, reason, actor } = change;
    const known = this.#refunds.get(refundId);
    if (known !== undefined) {
      const isSame = known.attemptId === attemptId && known.amountRupiah === amountRupiah;
      return isSame ? 'requested' : 'other_refund';
    }
    const named = exceptionId === null ? undefined : this.#openedExceptions.get(exceptionId);
    if (exceptionId !== null && (named?.attemptId !== attemptId || named.state === 'resolved'))
      return 'wrong_exception';
    const attempt = this.#attemptOf(attemptId);
    if (attempt.state !== 'paid' || attempt.receivedRupiah === null) return 'not_paid';
    if (amountRupiah > attempt.receivedRupiah - attempt.returnedRupiah) return 'too_much';
    const isAll = amountRupiah === attempt.receivedRupiah - attempt.returnedRupiah;
    const refund = this.#newRefund(refundId, attempt, amountRupiah, reason, actor);
    if (exceptionId === null) {
      const detail = `${actor} asked for ${amountRupiah} IDR of ${attemptId} to go back: ${reason}.`;
      this.#open('operator_refund', attempt, refundId, amountRupiah, { detail, refund });
    } else {
      this.#newRefunds.push({ ...refund, exceptionId });
    }
    // What is to be paid back in full must not be sent meanwhile.
    if (isAll && attempt.outcome === 'paid')
      this.#hold(orderId, { actor, reason: `refund ${refundId} was asked for` });
    return 'requested';
  }

  #endRefund(change: CommandOf<'end_refund'>): CommandOutcomes['end_refund'] {
    const { refundId, actor, payoutReference = null } = change;
    const refund = this.#refunds.get(refundId);
    if (refund === undefined) throw new Error(`There is no refund ${refundId}.`);
    const attempt = this.#attemptOf(refund.attemptId);
    // What a gateway cannot send is paid out by hand, but not where the payment was undone while it was asked.
    const isUndone = change.outcome === 'manual_payout' && attempt.state !== 'paid';
    const outcome = isUndone ? 'refused' : change.outcome;
    const wasRefused = refund.state === 'refused';
    if (refund.state === 'succeeded' || refund.state === outcome) return 'known';
    // One that was refused, or given up, and went all the same is no less gone.
    if (wasRefused && outcome !== 'succeeded') return 'known';
    if (payoutReference !== null && refund.state !== 'manual_payout' && !wasRefused) return 'known';
    const { id, exceptionId, amountRupiah } = refund;
    this.#refunds.set(id, { ...refund, state: outcome, payoutReference });
    this.#endedRefunds.push({
      ...{ id, state: outcome, payoutReference },
      gatewayRef: change.gatewayRef ?? null,
      failureCode: isUndone ? `payment_${attempt.state}` : (change.failureCode ?? null),
    });
    const moveException = (to: PaymentExceptionState, resolution: string) => {
      if (exceptionId !== null) this.#exceptionMoves.push({ id: exceptionId, to, actor, resolution });
    };
    if (outcome === 'manual_payout') moveException('manual_payout', '');
    if (outcome === 'refused') {
      this.#adjustRefundedTotal(attempt, -amountRupiah);
      moveException('open', '');
    }
    if (outcome === 'succeeded') {
      const from = payoutReference === null ? attempt : { ...attempt, gateway: 'bank_transfer' as const };
      this.#book('refund', amountRupiah, from, id, actor);
      this.#bookFee(change.feeRupiah, attempt, id, actor);
      moveException('resolved', payoutReference === null ? `refund ${id}` : `paid out as ${payoutReference}`);
      if (wasRefused) {
        const left = (attempt.receivedRupiah ?? 0) - attempt.returnedRupiah;
        this.#adjustRefundedTotal(attempt, Math.min(amountRupiah, Math.max(left, 0)));
      }
      if (attempt.state !== 'paid' || wasRefused) {
        const detail = `Refund ${id} of ${amountRupiah} IDR went, ${wasRefused ? 'after it was refused' : ''}; ${attempt.id} was ${attempt.state}.`;
        this.#open('paid_back_twice', attempt, id, amountRupiah, { detail });
      }
      this.#lessSold(attempt, refund, { actor, reason: `refund ${id}` });
    }
    return outcome;
  }

  /** Some or all of an order's price went back: so much less is sold, and an order that was paid back in full ends. */
  #lessSold(attempt: PaymentAttempt, refund: Pick<Refund, 'id' | 'amountRupiah'>, why: Why): void {
    const { id: attemptId, orderId } = attempt;
    if (attempt.outcome !== 'paid') return;
    this.#undoSale(attempt, refund.amountRupiah, refund.id, why);
    const { state, receivedRupiah } = this.#attemptOf(attemptId);
    if (state !== 'paid' || this.#refundedOf(attemptId) < (receivedRupiah ?? 0)) return;
    if (this.#orderOf(orderId).state === 'paid') this.#move(orderId, 'payment_hold', why);
    const now = this.#orderOf(orderId).state;
    if (!mayMove(now, 'refunded')) return;
    this.#move(orderId, 'refunded', why);
    if (now === 'payment_hold') this.#moveStockOf(orderId, 'revoke', why);
  }

  /** A paid order whose money is gone ends before it is sent; what is left of its price is not sold after all. */
  #endPaidOrder(attempt: PaymentAttempt, why: Why): void {
    const { orderId } = attempt;
    this.#undoSale(attempt, Infinity, `${attempt.id}/end`, why);
    this.#move(orderId, 'cancelled', why);
    this.#moveStockOf(orderId, 'revoke', why);
  }

  /** Never more than is sold; the price first, then the code of a transfer above it. */
  #undoSale(attempt: PaymentAttempt, rupiah: number, reference: string, { actor }: Why): void {
    const { sale, code } = this.#sold.get(attempt.orderId) ?? { sale: 0, code: 0 };
    const ofSale = Math.min(rupiah, sale);
    const ofCode = Math.min(rupiah - ofSale, code);
    this.#book('sale_undone', ofSale, attempt, reference, actor);
    this.#book('transfer_code_undone', ofCode, attempt, reference, actor);
    this.#sold.set(attempt.orderId, { sale: sale - ofSale, code: code - ofCode });
  }

  #ship(change: CommandOf<'ship'>): 'shipped' | 'not_paid' {
    const { orderId, carrier, trackingNumber, actor } = change;
    const { state } = this.#orderOf(orderId);
    if (state === 'shipped') return 'shipped';
    if (state !== 'paid') return 'not_paid';
    const why = { actor, reason: `sent with ${carrier}, ${trackingNumber}` };
    this.#move(orderId, 'shipped', why);
    this.#moveStockOf(orderId, 'ship', why);
    this.#shipments.push({ orderId, carrier, trackingNumber, shippedBy: actor });
    return 'shipped';
  }

  #receive(change: CommandOf<'receive'>): CommandOutcomes['receive'] {
    const { sku, quantity, reference, actor, reason } = change;
    const productId = this.#stock.find((row) => row.sku === sku)?.productId;
    if (productId === undefined) return 'unknown_product';
    const delivery = `${productId} ${reference}`;
    if (this.#deliveries.has(delivery)) return 'known';
    this.#deliveries.add(delivery);
    const ofNoOrder = { orderId: null, flashSaleItemId: null, buyerKeys: [] };
    this.#movements.push({ ...ofNoOrder, productId, kind: 'receive', quantity, reference, actor, reason });
    return 'received';
  }

  #orderOf(orderId: string): LockedOrder {
    const order = this.#orders.get(orderId);
    if (order === undefined) throw new Error(`Order ${orderId} is not in the database.`);
    return order;
  }

  #attemptOf(attemptId: string): PaymentAttempt {
    const attempt = this.#attempts.get(attemptId);
    if (attempt === undefined) throw new Error(`There is no attempt ${attemptId}.`);
    return attempt;
  }

  #settledAttemptOf(orderId: string): PaymentAttempt | undefined {
    return [...this.#attempts.values()].find(
      (attempt) => attempt.orderId === orderId && attempt.outcome === 'paid',
    );
  }

  /** What refunds of this attempt have sent back. */
  #refundedOf(attemptId: string): number {
    return [...this.#refunds.values()]
      .filter(({ attemptId: of, state }) => of === attemptId && state === 'succeeded')
      .reduce((sum, { amountRupiah }) => sum + amountRupiah, 0);
  }

  /** Takes what an expired order held out of what is available by now. False when there is not enough of something. */
  #takesBack(orderId: string): boolean {
    const held = this.#held.filter((row) => row.orderId === orderId);
    const needs = held.flatMap(({ productId, quantity, flashSaleItemId: item, buyerKeys }) => [
      { of: this.#available, key: productId, quantity },
      ...(item === null
        ? []
        : [
            { of: this.#quotaLeft, key: item, quantity },
            ...buyerKeys.map((buyer) => ({ of: this.#allowanceLeft, key: `${item} ${buyer}`, quantity })),
          ]),
    ]) as { of: Map<string | number, number>; key: string | number; quantity: number }[];
    const taken: typeof needs = [];
    for (const need of needs) {
      // A buyer without a row has had nothing, of an item without a limit.
      const left =
        need.of.get(need.key) ?? (need.of === (this.#allowanceLeft as typeof need.of) ? Infinity : 0);
      if (left < need.quantity) {
        for (const { of, key, quantity } of taken) of.set(key, (of.get(key) ?? 0) + quantity);
        return false;
      }
      need.of.set(need.key, left - need.quantity);
      taken.push(need);
    }
    return true;
  }

  #move(orderId: string, to: OrderState, why: Why, dueAt: Date | null = null): void {
    const order = this.#orderOf(orderId);
    const { actor, reason } = why;
    this.#moves.push({ orderId, from: order.state, version: order.version, to, dueAt, actor, reason });
    this.#orders.set(orderId, { ...order, state: to, version: order.version + 1 });
  }

  #moveStockOf(orderId: string, kind: MovementKind, { actor, reason }: Why): void {
    for (const held of this.#held) {
      if (held.orderId !== orderId) continue;
      this.#movements.push({ ...held, kind, actor, reason });
      if (kind === 'release' || kind === 'revoke') this.#makeAvailable(held);
    }
  }

  /** For a late payment in the same batch. */
  #makeAvailable({ productId, quantity, flashSaleItemId: item, buyerKeys }: HeldProduct): void {
    const add = <K>(map: Map<K, number>, key: K) => map.set(key, (map.get(key) ?? 0) + quantity);
    add(this.#available, productId);
    if (item === null) return;
    add(this.#quotaLeft, item);
    for (const buyer of buyerKeys)
      if (this.#allowanceLeft.has(`${item} ${buyer}`)) add(this.#allowanceLeft, `${item} ${buyer}`);
  }

  #book(
    kind: MoneyMovementKind,
    amountRupiah: number,
    { orderId, gateway }: Pick<PaymentAttempt, 'orderId' | 'gateway'>,
    reference: string,
    actor: string,
  ): void {
    const movement = moneyMovement(kind, amountRupiah, { orderId, gateway, reference, actor });
    if (movement !== null) this.#money.push(movement);
  }

  /** A gateway may say it more than once, and the settlement report before us. */
  #bookFee(feeRupiah: number | undefined, of: PaymentAttempt, reference: string, actor: string): void {
    const { orderId, gateway } = of;
    const fee = moneyMovement('fee', feeRupiah ?? 0, { orderId, gateway, reference, actor });
    if (fee !== null) this.#fees.push(fee);
  }

  #open(
    kind: PaymentExceptionKind,
    { orderId, id: attemptId, gateway }: PaymentAttempt,
    subject: string,
    amountRupiah: number | null,
    more: { detail: string; refund?: NewRefund },
  ): void {
    this.#exceptions.push({ kind, subject, orderId, attemptId, gateway, amountRupiah, ...more });
  }

  /** Counts it as returned from now on. What is refunded by hand waits for that. */
  #newRefund(
    id: string,
    attempt: PaymentAttempt,
    amountRupiah: number,
    reason: string,
    requestedBy: string,
    received?: { mayReverse: boolean },
  ): NewRefund {
    this.#adjustRefundedTotal(attempt, amountRupiah);
    const isByHand = attempt.gateway === 'bank_transfer';
    const state = isByHand ? 'manual_payout' : 'requested';
    // What may still be undone is not sent back before that time is over.
    const waitMs = received?.mayReverse === true ? REVERSAL_HOLD_MS : 0;
    const dueAt = isByHand ? null : new Date(this.#now.getTime() + waitMs);
    const refund = { id, attemptId: attempt.id, amountRupiah, reason, requestedBy, state, dueAt } as const;
    this.#refunds.set(id, {
      ...refund,
      ...{ exceptionId: null, gatewayRef: null, payoutReference: null, callNo: 0, createdAt: this.#now },
    });
    return refund;
  }

  #adjustRefundedTotal(attempt: PaymentAttempt, rupiah: number): void {
    const known = this.#attemptOf(attempt.id);
    this.#returned.push({ id: attempt.id, rupiah });
    this.#attempts.set(attempt.id, { ...known, returnedRupiah: known.returnedRupiah + rupiah });
  }

  #nextPollAtOf(state: AttemptState, ageMs: number): Date {
    return new Date(this.#now.getTime() + (nextStatusCheckInMs(state, ageMs) ?? 0));
  }
}

type NewRefund = Pick<Refund, 'id' | 'attemptId' | 'amountRupiah' | 'reason' | 'requestedBy'> & {
  state: 'requested' | 'manual_payout' | 'succeeded';
  dueAt: Date | null;
};

/** Whether a customer may have this attempt's instrument in hand, at a gateway that can close it. */
export function mustBeClosed({ state, gateway }: PaymentAttempt): boolean {
  return state === 'active' && gateway !== 'bank_transfer';
}

/** Whether a proof of transfer waits for an admin: it stops the expiry of its order, not a cancellation. */
export function awaitsReview(
  { state, gateway, proofReference }: PaymentAttempt,
  closingReason: ClosingReason,
): boolean {
  return (
    state === 'active' &&
    gateway === 'bank_transfer' &&
    proofReference !== null &&
    closingReason === 'not_paid_in_time'
  );
}
