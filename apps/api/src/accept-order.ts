import { type AcceptedOrder, orderJobId } from '@antrean/queue';
import type { Admission } from '@antrean/redis';
import type { ApiDependencies } from './dependencies.ts';
import { notOffered } from './offers.ts';
import { Problem } from './problems.ts';
import { closedBy } from './switches.ts';
import { withTimeout } from './with-timeout.ts';

/**
 * Keeps the answer within a second, even when Redis stops responding during the request: the rate limit may have
 * taken 200 ms before.
 */
const REDIS_WITHIN_MS = 750;
const LONGEST_RETRY_SECONDS = 600;

/**
 * Writes the status record and adds the job `reserve-order`. For a key that was used before, it answers the order of
 * that key and its present state (`isReplay`). Throws or rejects with the {@link Problem} that refuses
 * the order.
 */
export function acceptOrder(deps: ApiDependencies, order: AcceptedOrder) {
  const { producer, records, settings } = deps;
  const { orderId, storefrontId, fingerprint, items, acceptedAtMs } = order;
  const updatedAt = new Date(acceptedAtMs).toISOString();
  const status = { orderId, status: 'queued' as const, items, updatedAt };
  // Redis would still execute these commands after a long interruption, when the customers have left.
  if (settings.isRedisAway) throw new Problem('temporarily_unavailable');
  // A replay is answered also when its storefront would refuse it now.
  const refused = closedBy(settings, ['maintenance', 'read_only']) ?? notOffered(settings, order);
  const overloaded = overload(deps);

  const accept = async () => {
    const admission = await records.admit({
      record: { status, storefrontId, fingerprint, version: 0 },
      items,
      shippingFeeRupiah: order.shippingFeeRupiah,
      expectedTotalRupiah: order.expectedTotalRupiah,
      acceptedAtMs,
      refusal: { before: refused?.code, after: overloaded?.code },
    });
    if (admission.kind === 'refused') throw refused ?? overloaded ?? new Problem('temporarily_unavailable');
    if (admission.kind === 'sold_out') throw soldOut(admission.sku, items);
    const isReplay = admission.kind === 'known';
    if (isReplay && admission.record.fingerprint !== fingerprint) throw new Problem('idempotency_key_reused');
    const state = isReplay ? admission.record.status.status : 'queued';
    const place = placeOf(admission);
    // Also for a replay of a queued order: the first add may have failed after the record was written.
    if (state === 'queued') {
      const names = { orderId, version: 0, sweepRound: place?.ticket ?? 0 };
      await producer.addOrder(order, orderJobId('reserve-order', names));
    }
    return { isReplay, state, place };
  };
  return withTimeout(REDIS_WITHIN_MS, 'Redis', accept());
}

/** Why a new order cannot be reserved in time, and when the queue has room again. */
function overload({ config, settings }: ApiDependencies): Problem | undefined {
  const { waiting, oldestAgeMs } = settings.backlog;
  const isTooDeep = waiting >= config.MAX_WAITING_ORDERS;
  if (!isTooDeep && oldestAgeMs < config.MAX_WAIT_MS) return undefined;
  // Until a tenth is worked off, so that the clients do not all return to a full queue.
  const ordersAhead = isTooDeep ? waiting - config.MAX_WAITING_ORDERS * 0.9 : waiting;
  const seconds = Math.ceil(ordersAhead / settings.lineState.ordersPerSecond);
  return new Problem(
    'queue_full',
    'Nothing was ordered. Send the same request again after the number of seconds in Retry-After.',
  ).after(Math.min(Math.max(seconds, 1), LONGEST_RETRY_SECONDS));
}

function soldOut(sku: string, items: readonly { sku: string }[]): Problem {
  const index = items.findIndex((item) => item.sku === sku);
  return new Problem('sold_out', `Too few of ${sku} are left. Nothing was ordered.`, [
    { path: `items.${index}.quantity`, message: 'is more than the units left' },
  ]);
}

function placeOf(admission: Extract<Admission, { kind: 'accepted' | 'known' }>) {
  return admission.kind === 'accepted' ? admission.place : admission.record.place;
}
