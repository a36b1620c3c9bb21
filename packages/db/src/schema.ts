import type { ColumnType, Generated, GeneratedAlways, JSONColumnType } from 'kysely';
import type {
  AttemptState,
  GatewayName,
  OnlineGateway,
  OnlineMethod,
  PaymentMethod,
  PaymentExceptionKind,
  PaymentExceptionState,
  ClosingReason,
  MoneyMovementKind,
  OrderState,
  RefundState,
  StrayPaymentKind,
  StrayPaymentState,
  PaymentOutcome,
} from '@antrean/domain';

/** A bank account of the shop, for transfers. */
export interface TransferAccount {
  bank: string;
  accountNumber: string;
  accountHolder: string;
}

/** Money is integer rupiah everywhere. `bigint` columns are read as numbers (see database.ts). */
export interface Database {
  products: {
    id: Generated<number>;
    sku: string;
    name: string;
    description: string;
    priceRupiah: number;
    /** Lower-case words with hyphens; null for no category. */
    category: string | null;
    createdAt: Generated<Date>;
  };
  /** Apart from `products`, so that a foreign key to a product never waits for the stock lock. */
  stock: {
    productId: number;
    onHand: number;
    reserved: number;
    committed: number;
    shortfall: Generated<number>;
    /** Grows with each change. */
    version: Generated<number>;
  };
  /** A campaign. Its items repeat its window. */
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
    /** Paid units, shipped or not. */
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
    /** Set when the order starts closing; never cleared. */
    closingReason: ClosingReason | null;
    version: number;
    paymentMethod: 'online' | 'bank_transfer';
    customer: JSONColumnType<{ id?: string; name: string; email: string; phone: string }>;
    shippingAddress: JSONColumnType<Record<string, unknown>> | null;
    note: string | null;
    /** Where a gateway's page leads back to. */
    returnUrl: string | null;
    shippingFeeRupiah: number;
    totalRupiah: number | null;
    acceptedAt: Date;
    /** Set when the order has units at a sale's price. */
    buyerKeys: string[] | null;
    /** The deadline of the payment. */
    payBefore: Date | null;
    /** Set when every online gateway declined the payment of the order; never cleared. */
    paymentRefusedAt: Date | null;
    /** When the sweeper checks the order again; null in a final state. */
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
    /** The sale that sets the price. */
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
    /** What the create call returned: Snap token or invoice id. */
    gatewayRef: string | null;
    /** The gateway's payment id, or the line of the bank statement. */
    transactionId: string | null;
    /** Transaction ids that webhooks named, at most five. No signature covers them. */
    toldTransactionIds: Generated<string[]>;
    /** Questions to the gateway about webhook events are used up to this time; each moves it on. */
    questionsUntil: Date | null;
    method: string | null;
    failureCode: string | null;
    /** The number of the call to the gateway. Answers to older calls are discarded. */
    callNo: Generated<number>;
    calledBy: string;
    /** The payment outcome; null before a receipt. */
    outcome: PaymentOutcome | null;
    receivedRupiah: number | null;
    /** The part of the receipt that the gateway charged the customer on top of our amount. */
    customerFeeRupiah: Generated<number>;
    /** Refunded, or in a refund that has not ended. */
    returnedRupiah: Generated<number>;
    /** Taken back by the payer's bank and not returned since. */
    takenBackRupiah: Generated<number>;
    timesUndone: Generated<number>;
    /** When a partial chargeback was first reported. */
    disputedAt: Date | null;
    paidAt: Date | null;
    stateSince: Generated<Date>;
    /** The time of the next status check. */
    nextPollAt: Date | null;
    /** The bank account of a bank transfer. */
    transferAccount: JSONColumnType<TransferAccount> | null;
    proofReference: string | null;
    /** When a proof of transfer extended the deadline of the order. */
    proofExtendedAt: Date | null;
    expiresAt: Date;
    createdAt: Generated<Date>;
    updatedAt: ColumnType<Date, Date | undefined, Date>;
  };
  transferAmounts: {
    account: string;
    amountRupiah: number;
    attemptId: string;
    /** Null while the transfer is open. */
    freeAfter: Date | null;
  };
  paymentEvents: {
    id: Generated<number>;
    gateway: OnlineGateway;
    dedupeKey: string;
    kind: Generated<'payment' | 'refund'>;
    /** Of a refund's event: the refund's id. */
    attemptId: string;
    payload: JSONColumnType<Record<string, unknown>>;
    /** Null until a question to the gateway has answered it. */
    outcome: string | null;
    /** When it was stored, or was last delivered again. */
    receivedAt: Generated<Date>;
    /** When the sweeper asks about it, if it has no outcome. */
    nextSweepAt: Generated<Date>;
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
    /** The line of the bank statement that it names was entered wrong, and may be entered again. */
    freesLine: Generated<boolean>;
    /** Of an exception that counts several payments. */
    occurrences: Generated<number>;
    lastSeenAt: Date | null;
  };
  strayPayments: {
    id: Generated<number>;
    gateway: OnlineGateway;
    kind: StrayPaymentKind;
    state: StrayPaymentState;
    reference: string;
    /** The gateway's id of the payment; empty if it cannot be asked about. */
    paymentId: string;
    amountRupiah: number | null;
    exceptionId: number | null;
    firstSeenAt: Generated<Date>;
    lastSeenAt: Generated<Date>;
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
    /** Of a manual refund: the reference of the operator's transfer at the bank. */
    bankReference: string | null;
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
    timeToPayMinutes: Generated<number>;
    paymentMethods: Generated<PaymentMethod[]>;
    /** Null: all that the gateway's account has. */
    onlineMethods: OnlineMethod[] | null;
    returnOrigins: Generated<string[]>;
    createdBy: string;
    createdAt: Generated<Date>;
  };
  storefrontSettingChanges: {
    id: Generated<number>;
    storefrontId: string;
    /** The settings after the change. */
    settings: JSONColumnType<object>;
    changedBy: string;
    at: Generated<Date>;
  };
  storefrontKeys: {
    id: string;
    storefrontId: string;
    kind: 'secret' | 'publishable';
    name: string;
    /** SHA-256 of the key, hexadecimal. The key itself is not stored. */
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
