import { heldOrderInput, releaseOrder, voidOrder } from '@antrean/backoffice';
import { checked, type Command, done, refused, unanswered } from './command.ts';

export const release: Command = {
  words: 'ORDER REASON',
  summary: 'lets an order that is held go to fulfilment',
  redis: 'needed',
  isJob: true,
  async run(context, [orderId, reason], request) {
    const asked = checked(heldOrderInput, 'The order', { orderId, reason });
    const answer = await releaseOrder(context, request, asked);
    switch (answer.kind) {
      case 'released':
        return done(answer, `Order ${asked.orderId} is released: it is paid, and can be shipped.`);
      case 'unknown_order':
        return refused(answer, `There is no order ${asked.orderId}.`);
      case 'kept':
        return refused(
          answer,
          answer.state === 'payment_hold'
            ? `Order ${asked.orderId} stays held: its money is on its way back, or was taken back (to end it then: void).`
            : `Order ${asked.orderId} is not held: it is ${answer.state}.`,
        );
      default:
        return unanswered(answer);
    }
  },
};

export const voidHeld: Command = {
  words: 'ORDER REASON',
  summary: 'ends a held order whose money was taken back',
  redis: 'needed',
  isJob: true,
  async run(context, [orderId, reason], request) {
    const asked = checked(heldOrderInput, 'The order', { orderId, reason });
    const answer = await voidOrder(context, request, asked);
    switch (answer.kind) {
      case 'voided':
        return done(answer, `Order ${asked.orderId} has ended, and its stock is free again.`);
      case 'unknown_order':
        return refused(answer, `There is no order ${asked.orderId}.`);
      case 'kept':
        return refused(
          answer,
          answer.state === 'payment_hold'
            ? `Order ${asked.orderId} stays held: its money is there. To send the money back: refund`
            : `Order ${asked.orderId} is not held: it is ${answer.state}.`,
        );
      default:
        return unanswered(answer);
    }
  },
};
