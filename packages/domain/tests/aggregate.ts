import type {
  AttemptRow,
  HeldProduct,
  OrderAggregate,
  OrderCommand,
  OrderRow,
  OrderState,
  RefundRow,
} from '../src/index.ts';
import { decideOrderCommand } from '../src/index.ts';

export const NOW = new Date('2030-01-01T00:00:00Z');
export const PRICE = 50_000;
export const after = (ms: number): Date => new Date(NOW.getTime() + ms);

/** The open payment of order `o`, a link at Midtrans. */
export const attempt = (change: Partial<AttemptRow> = {}): AttemptRow => ({
  ...{ id: 'o-1', orderId: 'o', gateway: 'midtrans', state: 'active', amountRupiah: PRICE },
  ...{ transactionId: null, method: null, outcome: null, receivedRupiah: null, returnedRupiah: 0 },
  customerFeeRupiah: 0,
  ...{ takenBackRupiah: 0, timesUndone: 0, disputedAt: null },
  ...change,
});

/** The receipt of order `o`. */
export const paid = (change: Partial<AttemptRow> = {}): AttemptRow =>
  attempt({ state: 'paid', outcome: 'paid', receivedRupiah: PRICE, transactionId: 'tx', ...change });

export const refund = (change: Partial<RefundRow> = {}): RefundRow => ({
  ...{ id: 'rf', attemptId: 'o-1', exceptionId: 7, amountRupiah: 20_000, state: 'requested' },
  bankReference: null,
  reason: 'test',
  createdAt: new Date(0),
  ...change,
});

export const HELD: HeldProduct = {
  ...{ orderId: 'o', productId: 1, sku: 'KOPI', quantity: 2, flashSaleItemId: 3, buyerKeys: ['siti'] },
};

/** Order `o` in this state, with two units of KOPI and its other rows. */
export function order(
  state: OrderState,
  {
    attempts = [],
    refunds = [],
    unresolved = [],
    transferLines = [],
    sold,
    ...row
  }: Partial<Omit<OrderAggregate, 'order' | 'sold'> & OrderRow> & {
    sold?: Partial<OrderAggregate['sold']>;
  } = {},
): OrderAggregate {
  return {
    order: {
      orderId: 'o',
      state,
      closingReason: null,
      version: 5,
      totalRupiah: PRICE,
      dueAt: null,
      payBefore: null,
      ...row,
    },
    ...{ attempts, refunds, unresolved, transferLines, held: [HELD] },
    sold: { saleRupiah: 0, codeRupiah: 0, customerFeeRupiah: 0, ...sold },
  };
}

/** A paid order, before or after shipping. */
export const soldOrder = (
  state: OrderState,
  change: Parameters<typeof order>[1] = { attempts: [paid()] },
): OrderAggregate => order(state, { sold: { saleRupiah: PRICE, codeRupiah: 0 }, ...change });

/** Decides a command. By default enough stock is left for its order. */
export function decide(
  aggregate: OrderAggregate,
  command: Exclude<OrderCommand, { kind: 'receive' }>,
  context: {
    isCovered?: boolean;
    refundByItself?: boolean;
    exceptions?: Parameters<typeof decideOrderCommand>[2]['exceptions'];
  } = {},
): ReturnType<typeof decideOrderCommand> {
  const { isCovered = true, refundByItself = true, exceptions = new Map() } = context;
  const sharedStock = { covers: () => isCovered };
  return decideOrderCommand(aggregate, command, { now: NOW, refundByItself, exceptions, sharedStock });
}

/** The states that an order goes through by its moves; a version within a state is none. */
export const pathOf = ({ effects }: ReturnType<typeof decide>): string[] =>
  (effects.orderMoves ?? []).filter(({ from, to }) => from !== to).map(({ from, to }) => `${from} -> ${to}`);

/** How many versions a decision gives its order. */
export const versionsOf = ({ effects }: ReturnType<typeof decide>): number =>
  (effects.orderMoves ?? []).length;

/** Money by kind. */
export const moneyOf = ({ effects }: ReturnType<typeof decide>): Record<string, number> =>
  Object.fromEntries((effects.moneyMovements ?? []).map(({ kind, amountRupiah }) => [kind, amountRupiah]));

/** The stock movements. */
export const stockOf = ({ effects }: ReturnType<typeof decide>): string[] =>
  (effects.stockMovements ?? []).map(
    ({ kind, quantity, productId }) => `${kind} ${quantity} of ${productId}`,
  );

/** The opened exceptions: kind, subject and amount. */
export const openedBy = ({ effects }: ReturnType<typeof decide>): unknown[] =>
  (effects.newExceptions ?? []).map(({ kind, subject, amountRupiah }) => [kind, subject, amountRupiah]);

/** The outcome and effects of a command. */
export const answerOf = ({ outcome, effects }: ReturnType<typeof decide>) => ({ outcome, effects });
