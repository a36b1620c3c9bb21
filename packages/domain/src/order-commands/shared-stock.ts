import { moveCounters, type StockCounters } from '../ledger.ts';
import type { StockMovement } from './effects.ts';
import type { HeldProduct, LoadedState } from './state.ts';

/**
 * What the orders of a round share: stock, quotas of sale items, and buyers' allowances. Each decision of the round
 * updates it, so that a late payment gets stock that another order has just released.
 */
export class SharedStock {
  readonly #productIds: ReadonlyMap<string, number>;
  readonly #counters: Map<number, StockCounters>;
  readonly #quotaLeft: Map<number, number>;
  /** By sale item and buyer. A buyer has no entry when the sale item has no limit. */
  readonly #allowanceLeft: Map<string, number>;
  readonly #goodsReceipts: Set<string>;

  constructor({
    stock,
    saleItems,
    allowances,
    knownGoodsReceipts,
  }: Pick<LoadedState, 'stock' | 'saleItems' | 'allowances' | 'knownGoodsReceipts'>) {
    this.#productIds = new Map(stock.map(({ sku, productId }) => [sku, productId]));
    this.#counters = new Map(stock.map((row) => [row.productId, row]));
    this.#quotaLeft = new Map(saleItems.map((item) => [item.flashSaleItemId, item.quotaLeft]));
    const limits = new Map(saleItems.map((item) => [item.flashSaleItemId, item.limitPerBuyer]));
    this.#allowanceLeft = new Map(
      allowances.map(({ flashSaleItemId: item, buyerKey, quantity }) => [
        `${item} ${buyerKey}`,
        (limits.get(item) ?? Infinity) - quantity,
      ]),
    );
    this.#goodsReceipts = new Set(
      knownGoodsReceipts.map(({ productId, reference }) => `${productId} ${reference}`),
    );
  }

  productIdOf(sku: string): number | undefined {
    return this.#productIds.get(sku);
  }

  hasReceived(productId: number, reference: string): boolean {
    return this.#goodsReceipts.has(`${productId} ${reference}`);
  }

  /** Whether enough is left of everything that an expired order held. An order holds a product at one price only. */
  covers(held: readonly HeldProduct[]): boolean {
    return held.every(({ productId, quantity, flashSaleItemId: item, buyerKeys }) => {
      if (this.#availableOf(productId) < quantity) return false;
      if (item === null) return true;
      if ((this.#quotaLeft.get(item) ?? 0) < quantity) return false;
      return buyerKeys.every((key) => (this.#allowanceLeft.get(`${item} ${key}`) ?? Infinity) >= quantity);
    });
  }

  move(movements: readonly StockMovement[]): void {
    for (const movement of movements) {
      const { productId, kind, quantity, flashSaleItemId: item, buyerKeys, reference } = movement;
      const counters = this.#counters.get(productId);
      if (counters !== undefined) this.#counters.set(productId, moveCounters(counters, kind, quantity));
      if (kind === 'receive' && reference !== undefined) this.#goodsReceipts.add(`${productId} ${reference}`);
      const isTaken = kind === 'reserve' || kind === 'reinstate';
      if (item === null || (!isTaken && kind !== 'release' && kind !== 'revoke')) continue;
      const change = isTaken ? -quantity : quantity;
      this.#quotaLeft.set(item, (this.#quotaLeft.get(item) ?? 0) + change);
      for (const key of buyerKeys) {
        const left = this.#allowanceLeft.get(`${item} ${key}`);
        if (left !== undefined) this.#allowanceLeft.set(`${item} ${key}`, left + change);
      }
    }
  }

  #availableOf(productId: number): number {
    const { onHand = 0, reserved = 0, committed = 0 } = this.#counters.get(productId) ?? {};
    return Math.max(onHand - reserved - committed, 0);
  }
}
