/** The counters of a product's stock, in units. */
export interface StockCounters {
  /** Units on the shelf. */
  readonly onHand: number;
  /** Units held by unpaid orders. */
  readonly reserved: number;
  /** Units that are paid and not shipped. */
  readonly committed: number;
}

/** The kinds of stock movements, and the effect of one unit on each counter. */
const EFFECT = {
  receive: { onHand: 1, reserved: 0, committed: 0 },
  reserve: { onHand: 0, reserved: 1, committed: 0 },
  release: { onHand: 0, reserved: -1, committed: 0 },
  commit: { onHand: 0, reserved: -1, committed: 1 },
  // A payment that arrived after the order had released its stock.
  reinstate: { onHand: 0, reserved: 0, committed: 1 },
  // A payment that was returned before the order was shipped.
  revoke: { onHand: 0, reserved: 0, committed: -1 },
  ship: { onHand: -1, reserved: 0, committed: -1 },
} as const;

export type MovementKind = keyof typeof EFFECT;

export interface Movement {
  readonly productId: number;
  readonly kind: MovementKind;
  /** Units, positive. */
  readonly quantity: number;
}

export function moveCounters(from: StockCounters, kind: MovementKind, quantity: number): StockCounters {
  const effect = EFFECT[kind];
  return {
    onHand: from.onHand + effect.onHand * quantity,
    reserved: from.reserved + effect.reserved * quantity,
    committed: from.committed + effect.committed * quantity,
  };
}

/** A movement with the counters before and after it. */
export type LedgerEntry<M extends Movement = Movement> = M & {
  readonly from: StockCounters;
  readonly to: StockCounters;
};

/**
 * The ledger entries of these movements in order, starting from the counters that the transaction has locked. Throws
 * for a product that is not locked, as another transaction may be changing its counters.
 */
export function ledgerEntries<M extends Movement>(
  movements: readonly M[],
  locked: readonly ({ readonly productId: number } & StockCounters)[],
): LedgerEntry<M>[] {
  const counters = new Map<number, StockCounters>(
    locked.map(({ productId, onHand, reserved, committed }) => [productId, { onHand, reserved, committed }]),
  );
  return movements.map((movement) => {
    const { productId, kind, quantity } = movement;
    const from = counters.get(productId);
    if (from === undefined) throw new Error(`Stock of product ${productId} was not locked.`);
    const to = moveCounters(from, kind, quantity);
    counters.set(productId, to);
    return { ...movement, from, to };
  });
}
