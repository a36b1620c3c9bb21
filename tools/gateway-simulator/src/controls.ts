export type Outcome = { kind: 'done' } | { kind: 'refused'; why: string };

export const done: Outcome = { kind: 'done' };
export const refused = (why: string): Outcome => ({ kind: 'refused', why });

/** Acts of customers, banks and dashboards that no gateway API offers, by the shop's order id. */
export interface Controls {
  knows(orderId: string): boolean;
  /** Chooses a method and gets its code, without paying. */
  choose(orderId: string, method?: string): Outcome;
  pay(
    orderId: string,
    o: { method?: string | undefined; amountRupiah?: number | undefined; evenIfClosed: boolean },
  ): Outcome;
  deny(orderId: string, method?: string): Outcome;
  expire(orderId: string): Outcome;
  /** Settles the payment, the next step on the way to the merchant's balance. */
  settle(orderId: string): Outcome;
  reverse(orderId: string): Outcome;
  chargeback(orderId: string, amountRupiah?: number): Outcome;
  /** Sends the current state again, or a false one: `status`. */
  notify(orderId: string, o: { status?: string | undefined; gatewayRef?: string | undefined }): Outcome;
  /** Decides the open refunds of an order. */
  decideRefunds(orderId: string, outcome: 'succeed' | 'fail'): Outcome;
  /** Expires pages and payments whose time is over. */
  sweep(now: Date): void;
}
