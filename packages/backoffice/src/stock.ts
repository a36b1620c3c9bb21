import { isKnownSku } from '@antrean/db';
import { z } from 'zod';
import { type CommandRequest, runJob, type Unanswered } from './command.ts';
import type { BackofficeContext } from './context.ts';
import { quantity, sku, text } from './input.ts';

export const goodsReceiptInput = z.object({
  sku,
  quantity,
  reason: text(200),
  /** The reference of the goods receipt; each counts once for its product. The default is the request id. */
  reference: text(100).optional(),
});

export type GoodsReceiptAnswer =
  | { kind: 'received'; reference: string }
  /** The reference was entered before, and no stock was added. */
  | { kind: 'known'; reference: string }
  | { kind: 'unknown_product' }
  | Unanswered;

/** Adds received goods to the stock on hand. */
export async function receiveStock(
  context: BackofficeContext,
  request: CommandRequest,
  input: z.output<typeof goodsReceiptInput>,
): Promise<GoodsReceiptAnswer> {
  const reference = input.reference ?? request.requestId;
  const answer = await runJob(context, request, {
    job: 'receive-stock',
    asked: input,
    prepare: async () =>
      (await isKnownSku(context.db, input.sku)) ? { ...input, reference } : 'unknown_product',
  });
  return answer.kind === 'received' || answer.kind === 'known' ? { kind: answer.kind, reference } : answer;
}
