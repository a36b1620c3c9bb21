import type { Gateway } from './config.ts';

interface Payment {
  gateway: Gateway;
  orderId: string;
  /** The transaction id at Midtrans, the invoice id at Xendit. */
  gatewayRef: string;
  amountRupiah: number;
  method: string;
  paidAt: string;
}

export interface MoneyBack {
  gateway: Gateway;
  orderId: string;
  gatewayRef: string;
  kind: 'refund' | 'void' | 'reversal' | 'chargeback';
  /** refund_key at Midtrans, the refund's id at Xendit. */
  ref: string;
  method: string;
  amountRupiah: number;
  at: string;
}

/** The simulator's own record of money, to compare with the shop's. Times are ISO 8601 UTC. */
export interface Ledger {
  readonly payments: readonly Payment[];
  paid(payment: Payment): void;
  paidBack(back: MoneyBack): void;
  /** For each gateway and order id, in the order of the first payment. */
  orders(): {
    gateway: Gateway;
    orderId: string;
    paidRupiah: number;
    returnedRupiah: number;
    payments: Payment[];
    returned: MoneyBack[];
  }[];
}

const sum = (rows: readonly { amountRupiah: number }[]): number =>
  rows.reduce((total, { amountRupiah }) => total + amountRupiah, 0);

export function createLedger(): Ledger {
  const payments: Payment[] = [];
  const returned: MoneyBack[] = [];
  const keyOf = (row: { gateway: Gateway; orderId: string }) => `${row.gateway} ${row.orderId}`;
  return {
    payments,
    paid: (payment) => void payments.push(payment),
    paidBack: (back) => void returned.push(back),
    orders() {
      const backs = Map.groupBy(returned, keyOf);
      return [...Map.groupBy(payments, keyOf)].flatMap(([key, paid]) => {
        const [first] = paid;
        if (first === undefined) return [];
        const back = backs.get(key) ?? [];
        return {
          gateway: first.gateway,
          orderId: first.orderId,
          paidRupiah: sum(paid),
          returnedRupiah: sum(back),
          payments: paid,
          returned: back,
        };
      });
    },
  };
}
