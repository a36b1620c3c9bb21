/** What the shop has decided about bank transfers. */
export interface TransferPolicy {
  /** The most that a transfer amount is above its order's total, in rupiah. */
  readonly maxCode: number;
  /** By how much a proof of transfer extends the deadline of its order, once. */
  readonly proofExtendsMs: number;
  /** The share of a product's stock, and of a sale item's quota, that such orders hold at most. */
  readonly proofStockPercent: number;
}

/** A transfer code has at most four digits. */
export const MAX_TRANSFER_CODE = 9_999;

export const DEFAULT_TRANSFER_POLICY: TransferPolicy = {
  maxCode: 999,
  proofExtendsMs: 6 * 3_600_000,
  proofStockPercent: 20,
};

/** The stock of a product, or the quota of a sale item, of which an order holds units. */
export interface ProofShare {
  /** Units on hand, or the quota. */
  readonly units: number;
  /** Held by other orders whose deadline a proof of transfer has extended. */
  readonly heldByProofs: number;
  /** Held by this order. */
  readonly quantity: number;
}

/**
 * The deadline of an order to which a proof of transfer is attached; null where it stays, because a proof has extended
 * it before, or because such orders would hold more than their share of something. A share is at least one unit.
 */
export function deadlineWithProof(
  {
    payBefore,
    wasExtended,
    shares,
  }: { payBefore: Date; wasExtended: boolean; shares: readonly ProofShare[] },
  { proofExtendsMs, proofStockPercent }: Pick<TransferPolicy, 'proofExtendsMs' | 'proofStockPercent'>,
): Date | null {
  if (wasExtended || proofExtendsMs === 0) return null;
  const isWithin = ({ units, heldByProofs, quantity }: ProofShare) =>
    heldByProofs + quantity <= Math.ceil((units * proofStockPercent) / 100);
  return shares.every(isWithin) ? new Date(payBefore.getTime() + proofExtendsMs) : null;
}
