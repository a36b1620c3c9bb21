import { goodsReceiptInput, receiveStock } from '@antrean/backoffice';
import { checked, type Command, done, numberIn, refused, unanswered } from './command.ts';

export const receive: Command = {
  words: 'SKU QUANTITY REASON [REFERENCE]',
  summary: 'puts a goods receipt on the shelf; the same REFERENCE again adds nothing',
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
          `${asked.quantity} of ${asked.sku} are on the shelf, reference ${answer.reference}.`,
        );
      case 'known':
        return done(answer, `${answer.reference} of ${asked.sku} was entered before; nothing was added.`);
      case 'unknown_product':
        return refused(answer, `There is no product ${asked.sku}.`);
      default:
        return unanswered(answer);
    }
  },
};
