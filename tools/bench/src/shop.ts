import { addProducts, auditStock, createFlashSale, openDatabase } from '@antrean/db';
import { aFlashSale, aProduct } from '@antrean/testing';

export const skuOf = (product: number): string => `SKU-${product}`;
const PRICE_RUPIAH = 50_000;
export const SALE_PRICE_RUPIAH = PRICE_RUPIAH / 2;
/** More units than any benchmark sells. */
export const PLENTY = 1_000_000_000;

export async function addBenchProducts(databaseUrl: string, products: number, onHand: number): Promise<void> {
  const db = openDatabase({ url: databaseUrl, maxConnections: 1 });
  await addProducts(
    db,
    Array.from({ length: products }, (_, i) =>
      aProduct(skuOf(i), { name: `Kopi Gayo ${i}`, priceRupiah: PRICE_RUPIAH, onHand }),
    ),
  );
  await db.destroy();
}

export const SALE = 'flash';
export const SALE_SKU = 'SKU-FLASH';

/** Adds a product whose whole stock is in a flash sale that is open now. */
export async function addFlashSale(
  databaseUrl: string,
  { units, limitPerBuyer }: { units: number; limitPerBuyer: number },
): Promise<void> {
  const db = openDatabase({ url: databaseUrl, maxConnections: 1 });
  await addProducts(db, [
    aProduct(SALE_SKU, { name: 'Kopi Gayo', priceRupiah: PRICE_RUPIAH, onHand: units }),
  ]);
  const item = { sku: SALE_SKU, salePriceRupiah: SALE_PRICE_RUPIAH, quota: units, limitPerBuyer };
  const outcome = await createFlashSale(db, aFlashSale([item], { name: SALE }));
  await db.destroy();
  if (outcome.kind !== 'created') throw new Error(`The sale could not be made: ${outcome.kind}.`);
}

export interface Audit {
  /** Units promised above the stock, over all products. */
  oversold: number;
  /** Products whose counters differ from the sums of the ledger, or whose ledger has gaps. */
  ledgerMismatches: number;
}

export async function audit(databaseUrl: string): Promise<Audit> {
  const db = openDatabase({ url: databaseUrl, maxConnections: 1, limits: false });
  const rows = await auditStock(db);
  await db.destroy();
  return {
    oversold: rows.reduce((sum, row) => sum + Math.max(row.reserved + row.committed - row.onHand, 0), 0),
    ledgerMismatches: rows.filter(
      (row) =>
        row.onHand !== row.ledgerOnHand ||
        row.reserved !== row.ledgerReserved ||
        row.committed !== row.ledgerCommitted ||
        row.gaps > 0,
    ).length,
  };
}
