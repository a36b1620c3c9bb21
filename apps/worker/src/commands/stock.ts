import { randomUUID } from 'node:crypto';
import { isKnownSku } from '@antrean/db';
import { z } from 'zod';
import { checked, type Command, Refused, text } from './command.ts';

const delivery = z.object({
  sku: text(64),
  quantity: z.coerce.number().int().positive().max(10_000_000),
  reason: text(200),
  reference: text(100),
});

export const receive: Command = async ({ db, add, operator }, args) => {
  const [sku, quantity, reason, reference = randomUUID()] = args;
  const asked = checked(delivery, 'The delivery', { sku, quantity, reason, reference });
  if (!(await isKnownSku(db, asked.sku))) throw new Refused(`There is no product ${asked.sku}.`);
  await add('receive-stock', { ...asked, requestedBy: operator }, `receive-stock-${randomUUID()}`);
  console.log(`${asked.quantity} of ${asked.sku} are queued for the shelf, reference ${reference}.`);
};
