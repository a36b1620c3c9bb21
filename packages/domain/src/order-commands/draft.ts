import type { MovementKind } from '../ledger.ts';
import { type MoneyMovement, moneyMovement, type MoneyMovementKind } from '../money.ts';
import type { OrderState } from '../order-lifecycle.ts';
import { keepsFromPaying, type PaymentExceptionKind } from '../payment-exception.ts';
import { append, type EffectLists, type EffectRows, type Effects, type NewRefund } from './effects.ts';
import { isShownAlike, viewOf } from './shown.ts';
import type { SharedStock } from './shared-stock.ts';
import { advance, type AttemptRow, type ExceptionRow, type OrderAggregate, type OrderRow } from './state.ts';

/** The facts that a decision uses besides its order. */
export interface DecisionContext {
  readonly now: Date;
  /** Whether money that the shop has no claim to is refunded without an operator. */
  readonly refundByItself: boolean;
  /** The exceptions that commands name, by id. */
  readonly exceptions: ReadonlyMap<number, ExceptionRow>;
  readonly sharedStock: Pick<SharedStock, 'covers'>;
}

/** The actor and reason that are stored with each change. */
export interface Why {
  readonly actor: string;
  readonly reason: string;
}

/**
 * A decision in progress. Each recorded effect updates `aggregate`, so that the next step of the decision reads the
 * changed order.
 */
export class Draft {
  readonly context: DecisionContext;
  readonly #effects: EffectLists = {};
  readonly #before: OrderAggregate;
  #aggregate: OrderAggregate;
  /** Whether it opens an exception that keeps its order from another payment. It has an id only once it is written. */
  #opensCheck = false;

  constructor(aggregate: OrderAggregate, context: DecisionContext) {
    this.#before = aggregate;
    this.#aggregate = aggregate;
    this.context = context;
  }

  get aggregate(): OrderAggregate {
    return this.#aggregate;
  }

  get effects(): Effects {
    return this.#effects;
  }

  get order(): OrderRow {
    return this.#aggregate.order;
  }

  attempt(id: string): AttemptRow {
    const attempt = this.#aggregate.attempts.find((one) => one.id === id);
    if (attempt === undefined) throw new Error(`Order ${this.order.orderId} has no payment attempt ${id}.`);
    return attempt;
  }

  record<K extends keyof EffectRows>(list: K, row: EffectRows[K]): void {
    append(this.#effects, list, [row]);
    this.#aggregate = advance(this.#aggregate, list, row);
  }

  moveOrder(to: OrderState, { actor, reason }: Why, dueAt: Date | null = null): void {
    const { orderId, state: from, version } = this.order;
    this.record('orderMoves', { orderId, from, version, to, dueAt, actor, reason });
  }

  /** Keeps a paid order from being shipped until an operator or a refund has decided. */
  holdOrder(why: Why): void {
    const { orderId, state } = this.order;
    if (state === 'paid') this.moveOrder('payment_hold', why);
    else if (state === 'payment_hold') this.record('heldOrders', orderId);
  }

  /** Moves all stock that the order holds. */
  moveStock(kind: MovementKind, { actor, reason }: Why): void {
    for (const { orderId, productId, quantity, flashSaleItemId, buyerKeys } of this.#aggregate.held) {
      const movement = { orderId, productId, quantity, flashSaleItemId, buyerKeys };
      this.record('stockMovements', { ...movement, kind, actor, reason });
    }
  }

  /** Books money in the ledger, once for each kind and reference. An amount of 0 is not booked. */
  book(kind: MoneyMovementKind, rupiah: number, at: Booking): void {
    const movement = movementOf(kind, rupiah, at);
    if (movement !== null) this.record('moneyMovements', movement);
  }

  /** Books a fee. A gateway may report it several times, and the settlement report may have booked it already. */
  bookFee(rupiah: number | undefined, at: Booking): void {
    const fee = movementOf('fee', rupiah ?? 0, at);
    if (fee !== null) this.record('fees', fee);
  }

  openException(
    kind: PaymentExceptionKind,
    { orderId, id: attemptId, gateway }: AttemptRow,
    about: { subject: string; amountRupiah: number | null; detail: string; refund?: NewRefund },
  ): void {
    const { subject } = about;
    const isKnown = this.#aggregate.unresolved.some((one) => one.kind === kind && one.subject === subject);
    this.record('newExceptions', { kind, orderId, attemptId, gateway, ...about });
    if (!isKnown && about.refund === undefined && keepsFromPaying({ kind, state: 'open' }))
      this.#opensCheck = true;
  }

  /**
   * Gives the order a version if what its status shows has changed, in any state. A decision that moves the order has
   * given it one already.
   */
  showChange(why: Why): void {
    if (this.#effects.orderMoves !== undefined) return;
    const after = viewOf(this.#aggregate);
    const isBeingChecked = after.isBeingChecked || this.#opensCheck;
    if (isShownAlike(viewOf(this.#before), { ...after, isBeingChecked })) return;
    const { state, dueAt } = this.order;
    this.moveOrder(state, why, dueAt);
  }

  /** `ms` after the decision's time. */
  after(ms: number): Date {
    return new Date(this.context.now.getTime() + ms);
  }
}

interface Booking {
  readonly attempt: Pick<AttemptRow, 'orderId' | 'gateway'>;
  readonly reference: string;
  readonly actor: string;
}

function movementOf(
  kind: MoneyMovementKind,
  rupiah: number,
  { attempt: { orderId, gateway }, reference, actor }: Booking,
): MoneyMovement | null {
  return moneyMovement(kind, rupiah, { orderId, gateway, reference, actor });
}
