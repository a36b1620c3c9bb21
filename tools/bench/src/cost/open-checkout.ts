import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Checkout } from './checkout.ts';
import { openOldCheckout } from './layout-23ab6f9.ts';
import { openCurrentCheckout } from './layout-current.ts';

export async function openCheckout(folder: string): Promise<Checkout> {
  const root = path.resolve(folder);
  const has = (file: string) => existsSync(path.join(root, file));
  if (has('packages/redis/src/keyspace.ts')) return openCurrentCheckout(root);
  if (has('infra/bench/src/order-worker.ts')) return openOldCheckout(root);
  throw new Error(`${root} has neither the layout of this checkout nor that of 23ab6f9.`);
}
