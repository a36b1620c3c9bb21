import type { ColumnType, Generated, GeneratedAlways, JSONColumnType } from 'kysely';
import type {
  AttemptState,
  GatewayName,
  OnlineGateway,
  PaymentExceptionKind,
  PaymentExceptionState,
  ClosingReason,
  MoneyMovementKind,
  OrderState,
  RefundState,
  PaymentOutcome,
} from '@antrean/domain';

/** Where customers transfer money to. */
export interface TransferAccount {
  bank: string;
  accountNumber: string;
  accountHolder: string;
}

/** Money is integer rupiah everywhere; `bigint` columns arrive as numbers (see database.ts). */
export interface Database {
  products: {
    id: Generated<number>;
    sku: string;
    name: string;
    description: string;
    priceRupiah: number;
    /** Lower-case words with hyphens; null where it is in none. */
    category: string | null;
    createdAt: Generated<Date>;
  };
  /** Apart from `products`, so that a foreign key to a product never meets the stock lock. */
  stock: {
    productId: number;
    onHand: number;
    reserved: number;
    committed: number;
    shortfall: Generated<number>;
    /** Grows with each change. */
    version: Generated<number>;
  };
  /** A campaign; its items carry its window too. */
  flashSales: {
    id: Generated<number>;
    name: string;
    startsAt: Date;
    endsAt: Date;
    createdBy: string;
    createdAt: Generated<Date>;
  };
  flashSaleItems: {
    id: Generated<number>;
    flashSaleId: number;
    productId: number;
    startsAt: Date;
    endsAt: Date;
    salePriceRupiah: number;
    quota: number;
    limitPerBuyer: number | null;
    reserved: Generated<number>;
    /** Paid, shipped or not. */
    sold: Generated<number>;
  };
  flashSaleBuyers: {
    flashSaleItemId: number;
    buyerKey: string;
    quantity: number;
    limitPerBuyer: number | null;
  };
  orders: {
    id: string;
    storefrontId: string;
    idempotencyKey: string;
    fingerprint: string;
    requestId: string;
    state: OrderState;
    reason: string | null;
    /** Set when the order starts to close, and kept. */
    closingReason: ClosingReason | null;
    version: number;
    paymentMethod: 'online' | 'bank_transfer';
    customer: JSONColumnType<{ id?: string; name: string; email: string; phone: string }>;
    shippingAddress: JSONColumnType<Record<string, unknown>> | null;
    note: string | null;
    shippingFeeRupiah: number;
    totalRupiah: number | null;
    acceptedAt: Date;
    /** Set where the order holds something of a sale. */
    buyerKeys: string[] | null;
    /** When the customer must have paid. */
    payBefore: Date | null;
    /** When the sweeper looks at the order again; null in a final state. */
    dueAt: Date | null;
    sweepRound: Generated<number>;
    updatedAt: ColumnType<Date, Date | undefined, Date>;
  };
  orderItems: {
    orderId: string;
    lineNo: number;
    productId: number | null;
    sku: string;
    name: string | null;
    quantity: number;
    unitPriceRupiah: number | null;
    /** The sale whose price it is. */
    flashSaleItemId: number | null;
  };
  orderTransitions: {
    orderId: string;
    version: number;
    fromState: OrderState;
    toState: OrderState;
    actor: string;
    reason: string;
    at: Generated<Date>;
  };
  inventoryMovements: {
    id: Generated<number>;
    productId: number;
    orderId: string | null;
    flashSaleItemId: number | null;
    kind: string;
    onHandFrom: number;
    onHandTo: number;
    reservedFrom: number;
    reservedTo: number;
    committedFrom: number;
    committedTo: number;
    onHandDelta: GeneratedAlways<number>;
    reservedDelta: GeneratedAlways<number>;
    committedDelta: GeneratedAlways<number>;
    reference: string | null;
    actor: string;
    reason: string;
    at: Generated<Date>;
  };
  shipments: {
    orderId: string;
    carrier: string;
    trackingNumber: string;
    shippedBy: string;
    shippedAt: Generated<Date>;
  };
  paymentAttempts: {
    id: string;
    orderId: string;
    number: number;
    gateway: GatewayName;
    state: AttemptState;
    amountRupiah: number;
    url: string | null;
    /** What create gave: Snap token, invoice id. */
    gatewayRef: string | null;
    /** The gateway's own id of the payment, or the line on the bank's statement. */
    transactionId: string | null;
    method: string | null;
    failureCode: string | null;
    /** Which call to the gateway this is: the answer of an older one is discarded. */
    callNo: Generated<number>;
    calledBy: string;
    /** What the money that came meant for the order; null while none has come. */
    outcome: PaymentOutcome | null;
    receivedRupiah: number | null;
    /** Sent back, or asked to be. */
    returnedRupiah: Generated<number>;
    /** By the payer's bank, as it stands. */
    takenBackRupiah: Generated<number>;
    timesUndone: Generated<number>;
    /** When a chargeback of a part was first heard of. */
    disputedAt: Date | null;
    paidAt: Date | null;
    stateSince: Generated<Date>;
    /** When the reconciler asks its gateway. */
    nextPollAt: Date | null;
    /** For a bank transfer: to which account. */
    transferAccount: JSONColumnType<TransferAccount> | null;
    proofReference: string | null;
    expiresAt: Date;
    createdAt: Generated<Date>;
    updatedAt: ColumnType<Date, Date | undefined, Date>;
  };
  transferAmounts: {
    account: string;
    amountRupiah: number;
    attemptId: string;
    /** Null while the transfer is awaited. */
    freeAfter: Date | null;
  };
  paymentEvents: {
    id: Generated<number>;
    gateway: OnlineGateway;
    dedupeKey: string;
    attemptId: string;
    payload: JSONColumnType<Record<string, unknown>>;
    outcome: string | null;
    receivedAt: Generated<Date>;
  };
  paymentExceptions: {
    id: Generated<number>;
    kind: PaymentExceptionKind;
    state: Generated<PaymentExceptionState>;
    subject: string;
    orderId: string | null;
    attemptId: string | null;
    gateway: GatewayName;
    amountRupiah: number | null;
    detail: string;
    openedAt: Generated<Date>;
    resolvedAt: Date | null;
    resolvedBy: string | null;
    resolution: string | null;
  };
  refunds: {
    id: string;
    attemptId: string;
    exceptionId: number | null;
    amountRupiah: number;
    reason: string;
    requestedBy: string;
    state: RefundState;
    gatewayRef: string | null;
    failureCode: string | null;
    /** Of a payout that was made by hand. */
    payoutReference: string | null;
    callNo: Generated<number>;
    dueAt: Date | null;
    createdAt: Generated<Date>;
    updatedAt: ColumnType<Date, Date | undefined, Date>;
  };
  moneyMovements: {
    id: Generated<number>;
    orderId: string;
    kind: MoneyMovementKind;
    debit: string;
    credit: string;
    amountRupiah: number;
    reference: string;
    actor: string;
    at: Generated<Date>;
  };
  gatewayApiLog: {
    id: Generated<number>;
    gateway: OnlineGateway;
    operation: string;
    attemptId: string | null;
    httpStatus: number | null;
    code: string | null;
    body: JSONColumnType<object> | null;
    tookMs: number;
    at: Generated<Date>;
  };
  settlementReports: {
    gateway: OnlineGateway;
    day: string;
    oursRupiah: number;
    theirsRupiah: number;
    payments: number;
    differences: JSONColumnType<object[]>;
    madeAt: Generated<Date>;
  };
  /** What became of the jobs that an operator's command waits for. */
  commandOutcomes: {
    requestId: string;
    job: string;
    fingerprint: string;
    outcome: JSONColumnType<{ kind: string; code?: string }>;
    at: Generated<Date>;
  };
  storefronts: {
    id: string;
    ordersPerAddress: number;
    requests: number;
    createdBy: string;
    createdAt: Generated<Date>;
  };
  storefrontKeys: {
    id: string;
    storefrontId: string;
    kind: 'secret' | 'publishable';
    name: string;
    /** SHA-256 of the key, hexadecimal; the key itself is kept nowhere. */
    digest: string;
    scopes: string[];
    origins: string[];
    createdBy: string;
    createdAt: Generated<Date>;
    revokedBy: string | null;
    revokedAt: Date | null;
  };
  storefrontLimitChanges: {
    id: Generated<number>;
    storefrontId: string;
    ordersPerAddress: number;
    requests: number;
    changedBy: string;
    at: Generated<Date>;
  };
  switchChanges: {
    id: string;
    what: string;
    value: string;
    changedBy: string;
    reason: string;
    at: Date;
  };
}
