import { goodsReceiptInput, receiveStock } from '@antrean/backoffice';
import { checked, type Command, done, numberIn, refused, unanswered } from './command.ts';

export const receive: Command = {
  words: 'SKU QUANTITY REASON [REFERENCE]',
  summary: 'adds received goods to the stock on hand; a repeated REFERENCE adds nothing',
  redis: 'needed',
  isJob: true,
  async run(context, [sku, quantity, reason, reference], request) {
    const input = { sku, quantity: numberIn(quantity), reason, reference };
    const asked = checked(goodsReceiptInput, 'The goods receipt', input);
    const answer = await receiveStock(context, request, asked);
    switch (answer.kind) {
      case 'received':
        return done(
          answer,
          `${asked.quantity} units of ${asked.sku} were added, reference ${answer.reference}.`,
        );
      case 'known':
        return done(
          answer,
          `Receipt ${answer.reference} of ${asked.sku} was entered before; nothing was added.`,
        );
      case 'unknown_product':
        return refused(answer, `Product ${asked.sku} does not exist.`);
      default:
        return unanswered(answer);
    }
  },
};
