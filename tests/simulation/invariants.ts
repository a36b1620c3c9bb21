import { isLiveAttempt } from '@antrean/domain';
import type { LedgerPayment } from './gateways.ts';
import { MINUTE, SECOND } from './schedule.ts';
import { must } from './violation.ts';
import type { World } from './world.ts';

/** An attempt stays `unknown` no longer than this, while workers work. */
const MAX_UNKNOWN_MS = 2 * MINUTE;
/** A payment of an active link is noticed within this, even without a webhook. */
const MAX_UNNOTICED_MS = 90 * SECOND;

/** Conditions that hold after each step. */
export class Invariants {
  readonly #world: World;
  readonly #unknownSince = new Map<string, number>();
  readonly #noticedFrom = new Map<LedgerPayment, number>();

  constructor(world: World) {
    this.#world = world;
  }

  /** Checks the world as it was last observed. */
  checkEachStep(): void {
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
        state !== 'paid' || (by?.state === 'paid' && by.returnedRupiah < (by.receivedRupiah ?? 0)),
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
    for (const { id, state } of this.#world.attempts) {
      if (state !== 'unknown' || this.#world.workers.parked.length > 0) this.#unknownSince.delete(id);
      else if (!this.#unknownSince.has(id)) this.#unknownSince.set(id, this.#world.workedMs);
      const unknownMs = this.#world.workedMs - (this.#unknownSince.get(id) ?? this.#world.workedMs);
      must(unknownMs <= MAX_UNKNOWN_MS, () => `${id} has been unknown for ${unknownMs} ms.`);
    }
    for (const payment of this.#world.ledger()) {
      const attempt = this.#world.attempts.find(({ id }) => id === payment.attemptId);
      const isOut = attempt?.state === 'active' && !payment.isUnconfirmed && !payment.isReversed;
      if (!isOut) this.#noticedFrom.delete(payment);
      else if (!this.#noticedFrom.has(payment)) this.#noticedFrom.set(payment, this.#world.healthyMs);
      const waitedMs = this.#world.healthyMs - (this.#noticedFrom.get(payment) ?? this.#world.healthyMs);
      must(
        waitedMs <= MAX_UNNOTICED_MS,
        () => `${payment.attemptId} was paid, but not noticed for ${waitedMs} ms.`,
      );
    }
  }
}

const orderIdOf = (attemptId: string): string => attemptId.slice(0, 36);
