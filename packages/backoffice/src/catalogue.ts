import { bumpCatalogue } from '@antrean/redis';
import type { BackofficeContext } from './context.ts';

/**
 * Tells the APIs that products or sales have changed, after that is committed. False where Redis does not answer: shops
 * then see the change when what they keep has run out, some seconds later.
 */
export async function catalogueChanged({ redis, keyspace }: BackofficeContext): Promise<boolean> {
  try {
    await bumpCatalogue(redis, keyspace);
    return true;
  } catch {
    return false;
  }
}
