import { heldOrderInput, releaseOrder, voidOrder } from '@antrean/backoffice';
import { checked, type Command, done, refused, unanswered } from './command.ts';

export const release: Command = {
  words: 'ORDER REASON',
  summary: 'releases a held order for shipment',
  redis: 'needed',
  isJob: true,
  async run(context, [orderId, reason], request) {
    const asked = checked(heldOrderInput, 'The order', { orderId, reason });
    const answer = await releaseOrder(context, request, asked);
    switch (answer.kind) {
      case 'released':
        return done(answer, `Order ${asked.orderId} is released. It is paid, and can be shipped.`);
      case 'unknown_order':
        return refused(answer, `Order ${asked.orderId} does not exist.`);
      case 'kept':
        return refused(
          answer,
          answer.state === 'payment_hold'
            ? `Order ${asked.orderId} stays held: its payment is being refunded or was taken back. If taken back: void`
            : `Order ${asked.orderId} is not held: it is ${answer.state}.`,
        );
      default:
        return unanswered(answer);
    }
  },
};

export const voidHeld: Command = {
  words: 'ORDER REASON',
  summary: 'ends a held order whose payment was taken back',
  redis: 'needed',
  isJob: true,
  async run(context, [orderId, reason], request) {
    const asked = checked(heldOrderInput, 'The order', { orderId, reason });
    const answer = await voidOrder(context, request, asked);
    switch (answer.kind) {
      case 'voided':
        return done(answer, `Order ${asked.orderId} is ended, and its stock is released.`);
      case 'unknown_order':
        return refused(answer, `Order ${asked.orderId} does not exist.`);
      case 'kept':
        return refused(
          answer,
          answer.state === 'payment_hold'
            ? `Order ${asked.orderId} stays held: its payment was not taken back. To refund it: refund`
            : `Order ${asked.orderId} is not held: it is ${answer.state}.`,
        );
      default:
        return unanswered(answer);
    }
  },
};
