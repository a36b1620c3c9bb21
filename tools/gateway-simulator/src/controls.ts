export type Outcome = { kind: 'done' } | { kind: 'refused'; why: string };

export const done: Outcome = { kind: 'done' };
export const refused = (why: string): Outcome => ({ kind: 'refused', why });

/** What customers, banks and dashboards do, that no API of a gateway offers. All of it by the shop's order id. */
export interface Controls {
  knows(orderId: string): boolean;
  /** Takes a method and gets its code, without paying. */
  choose(orderId: string, method?: string): Outcome;
  pay(
    orderId: string,
    o: { method?: string | undefined; amountRupiah?: number | undefined; evenIfClosed: boolean },
  ): Outcome;
  deny(orderId: string, method?: string): Outcome;
  expire(orderId: string): Outcome;
  /** One step on towards the merchant's balance. */
  settle(orderId: string): Outcome;
  reverse(orderId: string): Outcome;
  chargeback(orderId: string, amountRupiah?: number): Outcome;
  /** Sends the current state again, or one that is not true: `status`. */
  notify(orderId: string, o: { status?: string | undefined; gatewayRef?: string | undefined }): Outcome;
  /** Decides the refunds of an order that are still open. */
  decideRefunds(orderId: string, outcome: 'succeed' | 'fail'): Outcome;
  /** Ends what is past its time. */
  sweep(now: Date): void;
}
