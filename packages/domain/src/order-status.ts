import { type GatewayName, methodOf, type PaymentMethod } from './gateways.ts';
import type { OrderState } from './order-lifecycle.ts';

/** What a customer or storefront reads of an order. Money in integer rupiah, times ISO 8601 UTC. */
export interface OrderStatus {
  orderId: string;
  status: OrderState;
  reason?: string;
  /** In rupiah, shipping included; absent until the worker has seen the prices. */
  total?: number;
  items: { sku: string; quantity: number; name?: string; unitPrice?: number }[];
  payment?: PaymentStatus;
  shipment?: { carrier: string; trackingNumber: string; shippedAt: string };
  updatedAt: string;
}

/** How an order is paid, or was. */
export interface PaymentStatus {
  /**
   * pending: the payment link or transfer amount is being made; `alternatives` can be asked for meanwhile. payable: the
   * customer can pay. paid: the money has come.
   */
  state: 'pending' | 'payable' | 'paid';
  method: PaymentMethod;
  /** Other ways to pay that can be asked for now. */
  alternatives?: PaymentMethod[];
  attemptId?: string;
  gateway?: string;
  /** Of the gateway's page. */
  url?: string;
  transfer?: {
    bank: string;
    accountNumber: string;
    accountHolder: string;
    /** To be sent to the rupiah: the last digits tell whose it is. */
    amount: number;
    /** Whether a proof is attached; the order waits for it to be looked at. */
    hasProof: boolean;
  };
  /** By when it must be paid. */
  expiresAt?: string;
}

/** An order with its lines and payment, as PostgreSQL holds it. */
export interface OrderView {
  readonly orderId: string;
  readonly state: OrderState;
  readonly reason: string | null;
  readonly totalRupiah: number | null;
  readonly updatedAt: Date;
  readonly items: readonly {
    readonly sku: string;
    readonly name: string | null;
    readonly quantity: number;
    readonly unitPriceRupiah: number | null;
  }[];
  readonly paymentMethod: PaymentMethod;
  /** When the customer must have paid. */
  readonly payBefore: Date | null;
  /** The attempt that is the open payment, or the one that was paid. */
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
  readonly shipment: {
    readonly carrier: string;
    readonly trackingNumber: string;
    readonly shippedAt: string;
  } | null;
}

/** The one form in which an order is shown, whether it is read from Redis or from PostgreSQL. */
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

const OTHER = { online: 'bank_transfer', bank_transfer: 'online' } as const;

function withPayment({ state, payment, paymentMethod, payBefore }: OrderView): { payment?: PaymentStatus } {
  const isOpen = state === 'reserved' || state === 'awaiting_payment';
  const alternatives = isOpen ? { alternatives: [OTHER[paymentMethod]] } : {};
  if (payment === null) {
    if (state !== 'reserved') return {};
    const expiresAt = payBefore === null ? {} : { expiresAt: payBefore.toISOString() };
    return { payment: { state: 'pending', method: paymentMethod, ...alternatives, ...expiresAt } };
  }
  return {
    payment: {
      state: payment.isPaid ? 'paid' : 'payable',
      method: methodOf(payment.gateway),
      ...alternatives,
      attemptId: payment.attemptId,
      gateway: payment.gateway,
      ...(payment.url === null ? {} : { url: payment.url }),
      ...(payment.transfer === null ? {} : { transfer: payment.transfer }),
      expiresAt: new Date(payment.expiresAt).toISOString(),
    },
  };
}
