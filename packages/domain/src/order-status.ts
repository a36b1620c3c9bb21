import { type GatewayName, methodOf, type PaymentMethod } from './gateways.ts';
import type { OrderState, RejectionReason } from './order-lifecycle.ts';
import { restOfTransferRupiah } from './payment-attempt.ts';
import type { RefundState } from './refund.ts';
import { otherMethods } from './storefront-settings.ts';

/** An order's status as customers and storefronts read it. Money in integer rupiah, times ISO 8601 UTC. */
export interface OrderStatus {
  orderId: string;
  status: OrderState;
  /** Why the order was rejected. */
  reason?: RejectionReason;
  /** In rupiah, with shipping; absent until a worker has looked up the prices. */
  total?: number;
  items: { sku: string; quantity: number; name?: string; unitPrice?: number }[];
  payment?: PaymentStatus;
  /** Absent until money came for the order. */
  money?: MoneyStatus;
  shipment?: { carrier: string; trackingNumber: string; shippedAt: string };
  updatedAt: string;
}

/** The payment of an order. */
export interface PaymentStatus {
  /**
   * pending: the payment link or transfer amount is being made; the order can be changed to `alternatives`. payable:
   * the customer can pay. checking: money was announced or came and does not pay the order so far, and the shop looks
   * into it; the customer pays nothing more meanwhile. paid: the money has arrived. refused: no gateway takes this
   * payment online; the order can be changed to `alternatives`, or expires.
   */
  state: 'pending' | 'payable' | 'checking' | 'paid' | 'refused';
  method: PaymentMethod;
  /** Payment methods to which the order can be changed now. */
  alternatives?: PaymentMethod[];
  attemptId?: string;
  gateway?: string;
  /** The gateway's payment page. */
  url?: string;
  transfer?: {
    bank: string;
    accountNumber: string;
    accountHolder: string;
    /**
     * The exact amount to transfer; its last digits identify the order. If a part of it came, what is still to be
     * transferred.
     */
    amount: number;
    /** Whether a proof of transfer is attached; the order waits for its review. */
    hasProof: boolean;
  };
  /** The deadline of the payment. */
  expiresAt?: string;
}

/** The money of an order, in rupiah. */
export interface MoneyStatus {
  /** What came, in all payments of the order, less what the payers' banks took back. */
  received: number;
  /** What was refunded. */
  refunded: number;
  /** Refunds that have not ended, the oldest first. */
  refunds: RefundStatus[];
}

/** A refund that has not ended. */
interface RefundStatus {
  /** In rupiah. */
  amount: number;
  /** on_its_way: it goes back by the way of the payment. scheduled: the shop will transfer it to the customer. */
  state: 'on_its_way' | 'scheduled';
}

/** An order with its lines and payment, as PostgreSQL stores it. */
export interface OrderView {
  readonly orderId: string;
  readonly state: OrderState;
  readonly reason: RejectionReason | null;
  readonly totalRupiah: number | null;
  readonly updatedAt: Date;
  readonly items: readonly {
    readonly sku: string;
    readonly name: string | null;
    readonly quantity: number;
    readonly unitPriceRupiah: number | null;
  }[];
  readonly paymentMethod: PaymentMethod;
  /** What its storefront offers now; null: every method. */
  readonly offeredMethods: readonly PaymentMethod[] | null;
  /** The deadline of the payment. */
  readonly payBefore: Date | null;
  /** Whether every online gateway declined this order's payment. */
  readonly isPaymentRefused: boolean;
  /** The open payment, the attempt that was paid, or a transfer of which another amount came. */
  readonly payment: {
    readonly attemptId: string;
    readonly isPaid: boolean;
    readonly gateway: GatewayName;
    readonly url: string | null;
    readonly expiresAt: string;
    readonly transfer: {
      readonly bank: string;
      readonly accountNumber: string;
      readonly accountHolder: string;
      readonly amount: number;
      /** What came for it and did not go back. */
      readonly keptRupiah: number;
      readonly hasProof: boolean;
    } | null;
  } | null;
  /** What came for all attempts, less what banks took back; null until money came. */
  readonly receivedRupiah: number | null;
  /** Those that were not refused, the oldest first. */
  readonly refunds: readonly { readonly amountRupiah: number; readonly state: RefundState }[];
  /** Whether an open payment exception names money of this order. */
  readonly isBeingChecked: boolean;
  readonly shipment: {
    readonly carrier: string;
    readonly trackingNumber: string;
    readonly shippedAt: string;
  } | null;
}

/** The order's status, the same whether it is read from Redis or from PostgreSQL. */
export function orderStatusOf(view: OrderView): OrderStatus {
  return {
    orderId: view.orderId,
    status: view.state,
    ...(view.reason === null ? {} : { reason: view.reason }),
    ...(view.totalRupiah === null ? {} : { total: view.totalRupiah }),
    items: view.items.map((item) => ({
      sku: item.sku,
      quantity: item.quantity,
      ...(item.name === null ? {} : { name: item.name }),
      ...(item.unitPriceRupiah === null ? {} : { unitPrice: item.unitPriceRupiah }),
    })),
    ...withPayment(view),
    ...withMoney(view),
    ...(view.shipment === null
      ? {}
      : { shipment: { ...view.shipment, shippedAt: new Date(view.shipment.shippedAt).toISOString() } }),
    updatedAt: view.updatedAt.toISOString(),
  };
}

function withPayment(view: OrderView): { payment?: PaymentStatus } {
  const { state, paymentMethod, offeredMethods, payBefore, isBeingChecked, isPaymentRefused } = view;
  const isOpen = state === 'reserved' || state === 'awaiting_payment';
  const kept = view.payment?.isPaid === false ? (view.payment.transfer?.keptRupiah ?? 0) : 0;
  const isCovered = kept > 0 && kept >= (view.totalRupiah ?? 0);
  // A part of a transfer came. Once its exception is resolved, the order gets another payment.
  const payment = kept > 0 && !isBeingChecked ? null : view.payment;
  // A link may be used up. A transfer's account stays valid for what is still to be transferred, unless what came is
  // the price already: an operator decides about the rest.
  if (isOpen && isBeingChecked && (isCovered || payment?.transfer == null))
    return { payment: { state: 'checking', method: paymentMethod } };
  const isChangeable = isOpen && !isBeingChecked && payment?.transfer?.hasProof !== true;
  const alternatives = isChangeable ? { alternatives: otherMethods(offeredMethods, paymentMethod) } : {};
  if (payment === null) {
    if (state !== 'reserved') return {};
    const expiresAt = payBefore === null ? {} : { expiresAt: payBefore.toISOString() };
    const waits = isPaymentRefused && paymentMethod === 'online' ? 'refused' : 'pending';
    return { payment: { state: waits, method: paymentMethod, ...alternatives, ...expiresAt } };
  }
  // The page of a closing order is being closed, and an ended order is not payable. A proof of a transfer may still come.
  const isClosingTransfer = state === 'closing' && payment.transfer !== null && kept === 0;
  if (!payment.isPaid && !isOpen && !isClosingTransfer) return {};
  // A proof of transfer may have extended the deadline of the order, in which its transfer is due.
  const isExtendable = payment.transfer !== null && payBefore !== null;
  return {
    payment: {
      state: payment.isPaid ? 'paid' : 'payable',
      method: methodOf(payment.gateway),
      ...alternatives,
      attemptId: payment.attemptId,
      gateway: payment.gateway,
      ...(payment.url === null ? {} : { url: payment.url }),
      ...withTransfer(payment),
      expiresAt: (isExtendable ? payBefore : new Date(payment.expiresAt)).toISOString(),
    },
  };
}

function withTransfer({ transfer, isPaid }: OrderView['payment'] & object): Pick<PaymentStatus, 'transfer'> {
  if (transfer === null) return {};
  const { keptRupiah, amount, ...account } = transfer;
  return {
    transfer: { ...account, amount: isPaid ? amount : restOfTransferRupiah(amount, keptRupiah) },
  };
}

function withMoney({ receivedRupiah, refunds }: OrderView): { money?: MoneyStatus } {
  if (receivedRupiah === null) return {};
  const refunded = refunds
    .filter(({ state }) => state === 'succeeded')
    .reduce((sum, { amountRupiah }) => sum + amountRupiah, 0);
  const underWay = refunds.flatMap(({ amountRupiah, state }): RefundStatus[] => {
    const shown = SHOWN_REFUND_STATE[state];
    return shown === undefined ? [] : [{ amount: amountRupiah, state: shown }];
  });
  return { money: { received: receivedRupiah, refunded, refunds: underWay } };
}

/** The steps of a refund at its gateway are one state for customers; a refund that has ended is not under way. */
const SHOWN_REFUND_STATE = {
  requested: 'on_its_way',
  sent: 'on_its_way',
  pending: 'on_its_way',
  unknown: 'on_its_way',
  manual_refund: 'scheduled',
  succeeded: undefined,
  refused: undefined,
} as const satisfies Record<RefundState, RefundStatus['state'] | undefined>;
