import { bumpCatalogue } from '@antrean/redis';
import type { BackofficeContext } from './context.ts';

/**
 * Tells the APIs that products or sales have changed, after the commit. False when Redis does not answer: storefronts then
 * see the change some seconds later, when cached entries expire.
 */
export async function catalogueChanged({ redis, keyspace }: BackofficeContext): Promise<boolean> {
  try {
    await bumpCatalogue(redis, keyspace);
    return true;
  } catch {
    return false;
  }
}
