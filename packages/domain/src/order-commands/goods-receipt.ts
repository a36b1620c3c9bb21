import type { CommandOf, CommandOutcomes } from './commands.ts';
import type { Effects } from './effects.ts';
import type { Shelves } from './shelves.ts';

/** Puts received goods on the shelf, once for a reference. */
export function receiveGoods(
  shelves: Pick<Shelves, 'productIdOf' | 'hasReceived'>,
  { sku, quantity, reference, actor, reason }: CommandOf<'receive'>,
): { outcome: CommandOutcomes['receive']; effects: Effects } {
  const productId = shelves.productIdOf(sku);
  if (productId === undefined) return { outcome: 'unknown_product', effects: {} };
  if (shelves.hasReceived(productId, reference)) return { outcome: 'known', effects: {} };
  const ofNoOrder = { orderId: null, flashSaleItemId: null, buyerKeys: [] };
  const movement = { ...ofNoOrder, productId, kind: 'receive', quantity, reference, actor, reason } as const;
  return { outcome: 'received', effects: { stockMovements: [movement] } };
}
