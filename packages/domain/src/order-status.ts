import { type GatewayName, methodOf, type PaymentMethod } from './gateways.ts';
import type { OrderState, RejectionReason } from './order-lifecycle.ts';
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
    /** The exact amount to transfer; its last digits identify the order. */
    amount: number;
    /** Whether a proof of transfer is attached; the order waits for its review. */
    hasProof: boolean;
  };
  /** The deadline of the payment. */
  expiresAt?: string;
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
  /** The open payment, or the attempt that was paid. */
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
      readonly hasProof: boolean;
    } | null;
  } | null;
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
    ...(view.shipment === null
      ? {}
      : { shipment: { ...view.shipment, shippedAt: new Date(view.shipment.shippedAt).toISOString() } }),
    updatedAt: view.updatedAt.toISOString(),
  };
}

function withPayment(view: OrderView): { payment?: PaymentStatus } {
  const { state, payment, paymentMethod, offeredMethods, payBefore, isBeingChecked, isPaymentRefused } = view;
  const isOpen = state === 'reserved' || state === 'awaiting_payment';
  // A link may be used up. A transfer's account and amount stay valid for what is still to be transferred.
  if (isOpen && isBeingChecked && payment?.transfer == null)
    return { payment: { state: 'checking', method: paymentMethod } };
  const hasProof = payment?.transfer?.hasProof === true;
  const alternatives =
    isOpen && !hasProof ? { alternatives: otherMethods(offeredMethods, paymentMethod) } : {};
  if (payment === null) {
    if (state !== 'reserved') return {};
    const expiresAt = payBefore === null ? {} : { expiresAt: payBefore.toISOString() };
    const waits = isPaymentRefused && paymentMethod === 'online' ? 'refused' : 'pending';
    return { payment: { state: waits, method: paymentMethod, ...alternatives, ...expiresAt } };
  }
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
      ...(payment.transfer === null ? {} : { transfer: payment.transfer }),
      expiresAt: (isExtendable ? payBefore : new Date(payment.expiresAt)).toISOString(),
    },
  };
}
