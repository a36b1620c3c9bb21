import type { CommandOf, CommandOutcomes } from './commands.ts';
import type { Effects } from './effects.ts';
import type { SharedStock } from './shared-stock.ts';

/** Adds received goods to the shelf, once for a reference. */
export function receiveGoods(
  sharedStock: Pick<SharedStock, 'productIdOf' | 'hasReceived'>,
  { sku, quantity, reference, actor, reason }: CommandOf<'receive'>,
): { outcome: CommandOutcomes['receive']; effects: Effects } {
  const productId = sharedStock.productIdOf(sku);
  if (productId === undefined) return { outcome: 'unknown_product', effects: {} };
  if (sharedStock.hasReceived(productId, reference)) return { outcome: 'known', effects: {} };
  const ofNoOrder = { orderId: null, flashSaleItemId: null, buyerKeys: [] };
  const movement = { ...ofNoOrder, productId, kind: 'receive', quantity, reference, actor, reason } as const;
  return { outcome: 'received', effects: { stockMovements: [movement] } };
}
