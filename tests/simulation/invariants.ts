import type { StoredOrder } from '@antrean/db';
import { isLiveAttempt } from '@antrean/domain';
import type { LedgerPayment } from './gateways.ts';
import { MINUTE, SECOND } from './schedule.ts';
import { must } from './violation.ts';
import type { World } from './world.ts';

/** An attempt stays `unknown` no longer than this, while workers work and its order may be paid. */
const MAX_UNKNOWN_MS = 2 * MINUTE;
/** A payment of an active link is noticed within this, even without a webhook. */
const MAX_UNNOTICED_MS = 90 * SECOND;

/** An order gets its link within this, while the gateways work. */
const MAX_LINKLESS_MS = 3 * MINUTE;
/** Gateways need five minutes; orders with less are not given a link. */
const TOO_LATE_FOR_LINKS_MS = 7 * MINUTE;

/** Conditions that hold after each step. */
export class Invariants {
  readonly #world: World;
  readonly #unknownSince = new Map<string, number>();
  readonly #noticedFrom = new Map<LedgerPayment, number>();
  readonly #linklessFrom = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
  }

  /** Checks the world as it was last observed. */
  async checkEachStep(): Promise<void> {
    await this.#checkLinks();
    for (const { orderId, state } of this.#world.orders) {
      const ofOrder = this.#world.attempts.filter((one) => one.orderId === orderId);
      const payable = [...this.#world.known].filter(([key, seen]) => {
        if (seen.orderId !== orderId) return false;
        if (seen.gateway === 'bank_transfer')
          return ofOrder.some(({ id, state: is }) => id === seen.attemptId && is === 'active');
        const refs = this.#world.gatewayOf(seen.gateway).payable(seen.attemptId);
        return refs.includes(key) || refs.some((ref) => ref.endsWith('-va'));
      });
      must(
        payable.length <= 1,
        () => `Two open payments can be paid: ${payable.map(([key]) => key).join(', ')}.`,
      );
      const live = ofOrder.filter((one) => isLiveAttempt(one.state)).map(({ id }) => id);
      must(live.length <= 1, () => `Two attempts are live: ${live.join(', ')}.`);
      const hasMoney =
        this.#world.ledger().some((payment) => orderIdOf(payment.attemptId) === orderId) ||
        this.#world.transfers.some(({ attemptId }) => orderIdOf(attemptId) === orderId);
      const isPaid = ['paid', 'payment_hold', 'shipped', 'refunded'].includes(state);
      must(!isPaid || hasMoney, () => `${orderId} is ${state}, but no customer has paid.`);
      const by = ofOrder.find(({ outcome }) => outcome === 'paid');
      must(
        state !== 'paid' || (by?.state === 'paid' && by.returnedRupiah < this.#world.wholeRupiah(by)),
        () => `${orderId} is paid, but its payment is ${by?.state}, with ${by?.returnedRupiah} IDR refunded.`,
      );
    }
    for (const { id, state, url, gateway } of this.#world.attempts) {
      if (state !== 'active' || url === null || this.#world.workers.isLinkUnsure) continue;
      const refs = this.#world.gatewayOf(gateway).payable(id);
      const key = url.split('/').at(-1) ?? '';
      must(
        refs.length === 0 || refs.includes(key) || refs.some((ref) => ref.endsWith('-va')),
        () => `${key} was given to the customer, but only ${refs.join(', ')} can be paid.`,
      );
    }
    for (const { id, orderId, state } of this.#world.attempts) {
      if (state !== 'unknown' || this.#world.workers.parked.length > 0) this.#unknownSince.delete(id);
      else if (!this.#unknownSince.has(id)) this.#unknownSince.set(id, this.#world.workedMs);
      const unknownMs = this.#world.workedMs - (this.#unknownSince.get(id) ?? this.#world.workedMs);
      if (unknownMs <= MAX_UNKNOWN_MS) continue;
      // Then no payment is made for its order.
      const isLeft = await this.#world.isMoneyInDoubt(orderId);
      must(isLeft, () => `${id} has been unknown for ${unknownMs} ms.`);
      this.#unknownSince.delete(id);
    }
    for (const payment of this.#world.ledger()) {
      const attempt = this.#world.attempts.find(({ id }) => id === payment.attemptId);
      const isOut =
        attempt?.state === 'active' &&
        this.#world.isKnowable(payment) &&
        !payment.isUnconfirmed &&
        !payment.isReversed;
      if (!isOut) this.#noticedFrom.delete(payment);
      else if (!this.#noticedFrom.has(payment)) this.#noticedFrom.set(payment, this.#world.healthyMs);
      const waitedMs = this.#world.healthyMs - (this.#noticedFrom.get(payment) ?? this.#world.healthyMs);
      must(
        waitedMs <= MAX_UNNOTICED_MS,
        () => `${payment.attemptId} was paid, but not noticed for ${waitedMs} ms.`,
      );
    }
  }

  /** While a gateway works, no order waits for its link, unless its money is being looked into. */
  async #checkLinks(): Promise<void> {
    const { orders, healthyMs, nowMs } = this.#world;
    for (const order of orders) {
      const { orderId } = order;
      if (!isWaitingForLink(order, nowMs)) this.#linklessFrom.delete(orderId);
      else if (!this.#linklessFrom.has(orderId)) this.#linklessFrom.set(orderId, healthyMs);
      const waitedMs = healthyMs - (this.#linklessFrom.get(orderId) ?? healthyMs);
      if (waitedMs <= MAX_LINKLESS_MS) continue;
      must(
        await this.#world.isMoneyInDoubt(orderId),
        () => `${orderId} has had no link for ${waitedMs} ms in which the gateways worked.`,
      );
      this.#linklessFrom.delete(orderId);
    }
  }
}

export function isWaitingForLink(
  { state, paymentMethod, payBefore }: Pick<StoredOrder, 'state' | 'paymentMethod' | 'payBefore'>,
  nowMs: number,
): boolean {
  const leftMs = (payBefore?.getTime() ?? 0) - nowMs;
  return state === 'reserved' && paymentMethod === 'online' && leftMs > TOO_LATE_FOR_LINKS_MS;
}

const orderIdOf = (attemptId: string): string => attemptId.slice(0, 36);
