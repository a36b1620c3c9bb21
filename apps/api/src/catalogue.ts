import { isDatabaseUnavailable, type Product, type ProductQuery, type ProductSale } from '@antrean/db';
import {
  CatalogueAwayError,
  type CatalogueCache,
  type AvailabilitySnapshot,
  type AvailabilitySnapshots,
} from '@antrean/redis';
import type { ProductAnswer } from './catalogue-answer.ts';
import { Problem } from './problems.ts';

export const DEFAULT_PAGE_SIZE = 20;
export const MAX_PAGE_SIZE = 100;
/** With this many units or more, a product is not `low_stock`. */
const LOW_STOCK_BELOW = 10;
/** How far the clocks of processes may differ. A snapshot that is older than a page by no more than this is used. */
const CLOCK_SKEW_MS = 1_000;

interface CataloguePageQuery {
  category?: string | undefined;
  search?: string | undefined;
  /** The id of the last product of the previous page. */
  after?: number | undefined;
  limit: number;
}

interface Shown {
  /** When a sale of the shown products next begins or ends; Infinity when none is known. */
  changesAtMs: number;
}

/** What the shop sells now. Its methods reject with `temporarily_unavailable`. */
export interface Catalogue {
  list(
    query: CataloguePageQuery,
  ): Promise<Shown & { products: ProductAnswer[]; lastId: number | undefined; hasMore: boolean }>;
  find(sku: string): Promise<(Shown & { product: ProductAnswer }) | undefined>;
}

/**
 * Reads pages from the cache, with the prices of the sales that run now and the availability that workers publish.
 * Without Redis, availability is that of PostgreSQL when the page was read.
 */
export function createCatalogue(o: {
  cache: CatalogueCache;
  availability: Pick<AvailabilitySnapshots, 'read'>;
  /** Each in one statement. */
  listProducts(query: ProductQuery): Promise<Product[]>;
  findProduct(sku: string, now: Date): Promise<Product | undefined>;
  onError(error: unknown): void;
}): Catalogue {
  async function snapshotsOf(products: readonly Product[], isRedisAway: boolean) {
    if (isRedisAway || products.length === 0) return [];
    return o.availability.read(products.map(({ sku }) => sku)).catch((error: unknown) => {
      o.onError(error);
      return [];
    });
  }

  async function shown(products: readonly Product[], madeAtMs: number, isRedisAway: boolean) {
    const snapshots = await snapshotsOf(products, isRedisAway);
    const nowMs = Date.now();
    const answers = products.map((product, index) => {
      const snapshot = snapshots[index];
      const isNewer = snapshot !== undefined && snapshot.publishedAtMs > madeAtMs - CLOCK_SKEW_MS;
      return productAnswerOf(product, isNewer ? snapshot : undefined, nowMs);
    });
    const boundaries = products
      .flatMap(({ sales }) => sales.flatMap(({ startsAtMs, endsAtMs }) => [startsAtMs, endsAtMs]))
      .filter((atMs) => atMs > nowMs);
    return { answers, changesAtMs: Math.min(Infinity, ...boundaries) };
  }

  return {
    async list({ limit, ...query }) {
      const search = query.search?.toLowerCase();
      // Pages are cached in two sizes and cut, so that a page has two copies instead of a hundred. One product more
      // than the page tells whether there is another page.
      const size = 1 + (limit <= DEFAULT_PAGE_SIZE ? DEFAULT_PAGE_SIZE : MAX_PAGE_SIZE);
      const filter = { category: query.category, after: query.after, search };
      const { value, madeAtMs, isRedisAway } = await reading(() =>
        o.cache.read(
          {
            key: `page:${JSON.stringify([size, query.category ?? null, query.after ?? null, search ?? null])}`,
            isInvented: search !== undefined || query.after !== undefined,
          },
          async () => {
            const products = await o.listProducts({ ...filter, limit: size, now: new Date() });
            return { value: products, isEmpty: products.length === 0 };
          },
        ),
      );
      const products = value.slice(0, limit);
      const { answers, changesAtMs } = await shown(products, madeAtMs, isRedisAway);
      return {
        products: answers,
        lastId: products.at(-1)?.id,
        hasMore: value.length > limit,
        changesAtMs,
      };
    },

    async find(sku) {
      const { value, madeAtMs, isRedisAway } = await reading(() =>
        o.cache.read({ key: `product:${sku}`, isInvented: false }, async () => {
          const product = await o.findProduct(sku, new Date());
          return { value: product ?? null, isEmpty: product === undefined };
        }),
      );
      if (value === null) return undefined;
      const { answers, changesAtMs } = await shown([value], madeAtMs, isRedisAway);
      const [product] = answers;
      return product && { product, changesAtMs };
    },
  };
}

async function reading<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof CatalogueAwayError) && !isDatabaseUnavailable(error)) throw error;
    throw new Problem(
      'temporarily_unavailable',
      'The catalogue cannot be read now. Send the same request again in a moment.',
    );
  }
}

/**
 * A sale runs from its start until before its end, as it does for orders. Its price applies while its quota lasts.
 */
function productAnswerOf(
  product: Product,
  snapshot: AvailabilitySnapshot | undefined,
  nowMs: number,
): ProductAnswer {
  const { sku, name, description, category, priceRupiah, sales } = product;
  const sale = sales.find(({ startsAtMs, endsAtMs }) => startsAtMs <= nowMs && nowMs < endsAtMs);
  const next = sales.find(({ startsAtMs }) => startsAtMs > nowMs);
  const quota = snapshot?.sale?.startsAtMs === sale?.startsAtMs ? (snapshot?.sale ?? sale) : sale;
  const quotaLeft = Math.max(quota?.quotaLeft ?? 0, 0);
  const available = snapshot?.available ?? product.available;
  return {
    sku,
    name,
    description,
    category,
    price: sale !== undefined && quotaLeft > 0 ? sale.priceRupiah : priceRupiah,
    regularPrice: priceRupiah,
    available,
    availability: available <= 0 ? 'sold_out' : available < LOW_STOCK_BELOW ? 'low_stock' : 'in_stock',
    ...(sale && { flashSale: { ...saleAnswerOf(sale), quotaLeft } }),
    ...(next && { nextFlashSale: saleAnswerOf(next) }),
  };
}

const saleAnswerOf = ({ name, priceRupiah, startsAtMs, endsAtMs, limitPerBuyer }: ProductSale) => ({
  name,
  price: priceRupiah,
  startsAt: new Date(startsAtMs).toISOString(),
  endsAt: new Date(endsAtMs).toISOString(),
  ...(limitPerBuyer === null ? {} : { limitPerBuyer }),
});
