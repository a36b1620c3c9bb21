import type { OrderTimelineRows } from '@antrean/db';
import type { OrderTimeline, TimelineEntry } from './order-timeline-schema.ts';

const iso = (at: Date): string => at.toISOString();
const isoOrNull = (at: Date | null): string | null => at?.toISOString() ?? null;

/**
 * One list of an order's rows, by time. Rows of one transaction have the same time; they keep the order of
 * `entriesOf`.
 */
export function timelineOf(rows: OrderTimelineRows): OrderTimeline {
  const { id, acceptedAt, payBefore, updatedAt, ...order } = rows.order;
  return {
    order: {
      orderId: id,
      ...order,
      items: rows.items,
      acceptedAt: iso(acceptedAt),
      payBefore: isoOrNull(payBefore),
      updatedAt: iso(updatedAt),
    },
    // ISO 8601 in UTC sorts as text, and the sort is stable.
    entries: entriesOf(rows).toSorted((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0)),
    isComplete: rows.isComplete,
  };
}

/** By kind, each with the oldest first. */
function entriesOf(rows: OrderTimelineRows): TimelineEntry[] {
  return [
    ...entries(rows.attempts, ({ id, createdAt, calledBy, stateSince, expiresAt, paidAt, ...attempt }) => ({
      at: iso(createdAt),
      kind: 'payment_attempt',
      // Only workers create attempts.
      actor: 'worker',
      details: {
        attemptId: id,
        ...attempt,
        stateSince: iso(stateSince),
        jobId: calledBy,
        expiresAt: iso(expiresAt),
        paidAt: isoOrNull(paidAt),
      },
    })),
    ...entries(rows.events, ({ attemptId, outcome, gateway, receivedAt }) => ({
      at: iso(receivedAt),
      kind: 'payment_event',
      actor: gateway,
      details: { attemptId, outcome },
    })),
    ...entries(rows.transitions, ({ fromState: from, toState: to, reason, version, actor, at }) => ({
      at: iso(at),
      kind: 'transition',
      actor,
      details: { from, to, reason, version },
    })),
    ...entries(rows.stockMovements, (movement) => ({
      at: iso(movement.at),
      kind: 'stock_movement',
      actor: movement.actor,
      details: {
        sku: movement.sku,
        movement: movement.kind,
        reason: movement.reason,
        isOfFlashSale: movement.flashSaleItemId !== null,
        onHand: { from: movement.onHandFrom, to: movement.onHandTo },
        reserved: { from: movement.reservedFrom, to: movement.reservedTo },
        committed: { from: movement.committedFrom, to: movement.committedTo },
      },
    })),
    ...entries(
      rows.moneyMovements,
      ({ kind: movement, debit, credit, amountRupiah, reference, actor, at }) => ({
        at: iso(at),
        kind: 'money_movement',
        actor,
        details: { movement, debit, credit, amountRupiah, reference },
      }),
    ),
    ...entries(
      rows.exceptions,
      ({ id, kind, state, attemptId, gateway, amountRupiah, detail, openedAt }) => ({
        at: iso(openedAt),
        kind: 'payment_exception',
        // Only workers open exceptions. The refund names the operator who requested it.
        actor: 'worker',
        details: { exceptionId: id, exception: kind, state, attemptId, gateway, amountRupiah, detail },
      }),
    ),
    ...entries(rows.refunds, ({ id, requestedBy, createdAt, updatedAt, ...refund }) => ({
      at: iso(createdAt),
      kind: 'refund',
      actor: requestedBy,
      details: { refundId: id, ...refund, updatedAt: iso(updatedAt) },
    })),
    ...rows.exceptions.flatMap(({ id, resolvedAt, resolvedBy, resolution }): TimelineEntry[] =>
      resolvedAt === null || resolvedBy === null || resolution === null
        ? []
        : [
            {
              at: iso(resolvedAt),
              kind: 'payment_exception_resolved',
              actor: resolvedBy,
              details: { exceptionId: id, resolution },
            },
          ],
    ),
    ...entries(rows.shipments, ({ carrier, trackingNumber, shippedBy, shippedAt }) => ({
      at: iso(shippedAt),
      kind: 'shipment',
      actor: shippedBy,
      details: { carrier, trackingNumber },
    })),
  ];
}

/** The rows arrive newest first. */
function entries<R>(rows: readonly R[], entryOf: (row: R) => TimelineEntry): TimelineEntry[] {
  return rows.toReversed().map(entryOf);
}
