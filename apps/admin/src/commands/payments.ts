import {
  confirmTransfer,
  correctTransfer,
  correctTransferInput,
  listExceptions,
  listStrayPayments,
  listExceptionsInput,
  listTransfers,
  listTransfersInput,
  manualRefundInput,
  recordManualRefund,
  refundInput,
  rejectTransfer,
  rejectTransferInput,
  reportStrayTransfer,
  requestRefund,
  resolveException,
  resolveExceptionInput,
  strayTransferInput,
  transferInput,
} from '@antrean/backoffice';
import { checked, type Command, done, numberIn, paged, refused, table, unanswered } from './command.ts';

const SHOWN = 100;

export const transfers: Command = {
  words: '[AMOUNT]',
  summary:
    'lists the bank transfers that wait, those with a proof first; or those of an amount, ended ones too',
  details: `AMOUNT is what came, in rupiah: 10000, 10.000 or 10.000,00. It finds the transfers that ask for it, ended ones too, and
those of orders whose total it is, as the customer may have left out the last digits.`,
  options: { after: { type: 'string', help: 'the transfer that ends the page before' } },
  async run(context, [amount], _request, { after }) {
    const asked = checked(listTransfersInput, 'The list', { amountRupiah: amount, after });
    const of = asked.amountRupiah === undefined ? '' : ` of ${asked.amountRupiah} rupiah`;
    return paged(await listTransfers(context, asked, SHOWN), {
      ...{
        limit: SHOWN,
        empty: of === '' ? 'There are no open bank transfers.' : `There is no transfer${of}.`,
      },
      nextPage: ({ attemptId }) =>
        `transfers${amount === undefined ? '' : ` ${amount}`} --after ${attemptId}`,
    });
  },
};

export const confirm: Command = {
  words: 'ATTEMPT AMOUNT LINE',
  summary: 'enters a transfer; LINE is the id of its line on the bank statement, which counts once',
  redis: 'needed',
  isJob: true,
  async run(context, [attemptId, amount, bankReference], request) {
    const input = { attemptId, amountRupiah: amount, bankReference };
    const asked = checked(transferInput, 'The transfer', input);
    const answer = await confirmTransfer(context, request, asked);
    switch (answer.kind) {
      case 'entered': {
        const { meaning, orderId, amountRupiah, expectedRupiah } = answer;
        const differs = amountRupiah === expectedRupiah ? '' : `, but ${expectedRupiah} rupiah were expected`;
        const entered = `${amountRupiah} rupiah were entered for ${answer.attemptId}${differs}.`;
        return meaning === 'paid'
          ? done(answer, `${entered} Order ${orderId} is paid.`)
          : done(
              answer,
              `${entered} Order ${orderId} is not paid by them (${meaning}). See: exceptions${
                meaning === 'wrong_amount'
                  ? '. Once the rest or the exact amount comes, enter that line too: it pays the order'
                  : ''
              }`,
            );
      }
      case 'unknown_transfer':
        return refused(answer, `Bank transfer ${asked.attemptId} does not exist. The open ones: transfers`);
      case 'line_used':
        return refused(
          answer,
          `Statement line ${asked.bankReference} was already entered for ${answer.enteredFor}.`,
        );
      default:
        return unanswered(answer);
    }
  },
};

export const correct: Command = {
  words: 'ATTEMPT LINE REASON',
  summary: 'takes back the entry of a mistyped line by a counter-entry; the line may be entered again',
  redis: 'needed',
  isJob: true,
  async run(context, [attemptId, bankReference, reason], request) {
    const asked = checked(correctTransferInput, 'The correction', { attemptId, bankReference, reason });
    const answer = await correctTransfer(context, request, asked);
    const which = `Statement line ${asked.bankReference}`;
    switch (answer.kind) {
      case 'corrected':
        return done(
          answer,
          `${which} no longer counts for ${asked.attemptId}. Enter it right with: confirm-transfer ATTEMPT AMOUNT LINE`,
        );
      case 'unknown_transfer':
        return refused(
          answer,
          `Bank transfer ${asked.attemptId} does not exist. Find it with: transfers AMOUNT`,
        );
      case 'not_entered':
        return refused(
          answer,
          `${which} is not entered for ${asked.attemptId}, or was corrected already. Nothing was done.`,
        );
      case 'paid_order':
        return refused(
          answer,
          `${which} has paid order ${answer.orderId}, so its entry stays. Send the money back with: refund ${answer.orderId} AMOUNT REASON`,
        );
      case 'settled':
        return refused(
          answer,
          `The exception of ${which.toLowerCase()} is resolved, or its money goes back: the entry stays.`,
        );
      default:
        return unanswered(answer);
    }
  },
};

export const reject: Command = {
  words: 'ATTEMPT REASON',
  summary: 'records that a transfer has not arrived',
  redis: 'needed',
  isJob: true,
  async run(context, [attemptId, reason], request) {
    const asked = checked(rejectTransferInput, 'The rejection', { attemptId, reason });
    const answer = await rejectTransfer(context, request, asked);
    switch (answer.kind) {
      case 'rejected':
        return done(
          answer,
          `${asked.attemptId} is rejected. Order ${answer.orderId} expires at its payment deadline.`,
        );
      case 'unknown_transfer':
      case 'not_awaited':
        return refused(answer, `Bank transfer ${asked.attemptId} is not open. The open ones: transfers`);
      default:
        return unanswered(answer);
    }
  },
};

export const exceptions: Command = {
  words: '',
  summary: 'lists the open payment exceptions: money or orders that need a decision',
  options: { after: { type: 'string', help: 'the exception that ends the page before' } },
  async run(context, _words, _request, { after }) {
    const last = typeof after === 'string' ? numberIn(after) : after;
    const asked = checked(listExceptionsInput, 'The list', { after: last });
    return paged(await listExceptions(context, asked, SHOWN), {
      ...{ limit: SHOWN, empty: 'There are no open payment exceptions.' },
      nextPage: ({ id }) => `exceptions --after ${id}`,
    });
  },
};

export const strayPayments: Command = {
  words: '',
  options: { after: { type: 'string', help: 'the number of the payment that ends the page before' } },
  summary: 'lists payments on the gateways’ accounts that no order of ours expects, with their count by day',
  async run(context, _words, _request, { after }) {
    const last = typeof after === 'string' ? numberIn(after) : after;
    const asked = checked(listExceptionsInput, 'The list', { after: last });
    const answer = await listStrayPayments(context, asked, SHOWN);
    if (answer.payments.length === 0) return done(answer, 'There are no stray payments.');
    const page = paged(answer.payments, {
      ...{ limit: SHOWN, empty: '' },
      nextPage: ({ id }) => `stray-payments --after ${id}`,
    });
    return done(answer, `${table(answer.days)}\n\n${page.text}`);
  },
};

export const resolve: Command = {
  words: 'EXCEPTION RESOLUTION',
  summary: 'resolves a payment exception, and records how',
  redis: 'needed',
  isJob: true,
  async run(context, [id, resolution], request) {
    const asked = checked(resolveExceptionInput, 'The resolution', {
      ...{ exceptionId: numberIn(id), resolution },
    });
    const { exceptionId } = asked;
    const answer = await resolveException(context, request, asked);
    switch (answer.kind) {
      case 'resolved':
        return done(answer, `Exception ${exceptionId} is resolved.`);
      case 'refund_under_way':
        return refused(answer, `A refund for exception ${exceptionId} is in progress, and will resolve it.`);
      case 'manual_refund_awaited':
        return refused(
          answer,
          `Exception ${exceptionId} waits for a manual refund. Record it with: paid-out REFUND REFERENCE`,
        );
      case 'not_open':
        return refused(answer, `Exception ${exceptionId} is not open. The open ones: exceptions`);
      default:
        return unanswered(answer);
    }
  },
};

export const stray: Command = {
  words: 'AMOUNT LINE NOTE',
  summary: 'opens a payment exception for money at the bank that matches no known transfer',
  redis: 'needed',
  isJob: true,
  async run(context, [amount, bankReference, note], request) {
    const input = { amountRupiah: amount, bankReference, note };
    const asked = checked(strayTransferInput, 'The transfer', input);
    const answer = await reportStrayTransfer(context, request, asked);
    switch (answer.kind) {
      case 'opened':
        return done(answer, `An exception is opened for statement line ${asked.bankReference}.`);
      case 'known':
        return done(answer, `Statement line ${asked.bankReference} has an exception already.`);
      case 'line_used':
        return refused(
          answer,
          `Statement line ${asked.bankReference} was already entered for ${answer.enteredFor}.`,
        );
      default:
        return unanswered(answer);
    }
  },
};

export const refund: Command = {
  words: 'PAYMENT AMOUNT|all REASON [EXCEPTION]',
  summary: 'refunds a payment; PAYMENT is an order or a payment attempt',
  details: `AMOUNT is in rupiah: 10000, 10.000 or 10.000,00. The same amount of the same payment for the same reason is
refunded once within 24 hours; --another makes another refund.`,
  redis: 'needed',
  isJob: true,
  options: {
    another: { type: 'boolean', help: 'another refund than the same one that was requested lately' },
  },
  async run(context, [payment, amount, reason, exception], request, { another: isAnother }) {
    const asked = checked(refundInput, 'The refund', {
      ...{ payment, amountRupiah: amount, reason, isAnother },
      ...(exception === undefined ? {} : { exceptionId: numberIn(exception) }),
    });
    const answer = await requestRefund(context, request, asked);
    switch (answer.kind) {
      case 'requested': {
        const { id, attemptId, amountRupiah, state } = answer.refund;
        return state === 'manual_refund'
          ? done(
              answer,
              `Pay ${amountRupiah} rupiah of ${attemptId} out by hand, then record it with: paid-out ${id} REFERENCE`,
            )
          : done(answer, `${amountRupiah} rupiah of ${attemptId} will be refunded as ${id}.`);
      }
      case 'unknown_payment':
        return refused(answer, `Payment ${asked.payment} does not exist, or the order is not paid.`);
      case 'not_paid':
        return refused(
          answer,
          `The payment of ${answer.attemptId} did not arrive, or was taken back: it cannot be refunded.`,
        );
      case 'too_much':
        return refused(answer, `At most ${answer.leftRupiah} rupiah of ${answer.attemptId} can be refunded.`);
      case 'asked_before': {
        const { id, state, createdAt, requestedBy } = answer.refund ?? {};
        const which = `${id ?? 'a refund'}, requested ${createdAt?.toISOString() ?? 'lately'} by ${requestedBy ?? '?'}, ${state ?? ''}`;
        return refused(
          answer,
          `The same amount of ${answer.attemptId} is refunded already for the same reason (${which}). Nothing was done. ` +
            'If this is another refund, repeat the command with --another and without --request-id.',
        );
      }
      case 'wrong_exception':
        return refused(
          answer,
          `Exception ${asked.exceptionId} is resolved, or belongs to another payment. The open ones: exceptions`,
        );
      case 'other_refund':
        return refused(
          answer,
          `Another refund has the id ${answer.refundId}. Repeat the command without --request-id.`,
        );
      default:
        return unanswered(answer);
    }
  },
};

export const paidOut: Command = {
  words: 'REFUND REFERENCE',
  summary: 'records that a refund was paid out by hand',
  redis: 'needed',
  isJob: true,
  async run(context, [refundId, reference], request) {
    const asked = checked(manualRefundInput, 'The manual refund', { refundId, reference });
    const answer = await recordManualRefund(context, request, asked);
    switch (answer.kind) {
      case 'recorded':
        return done(
          answer,
          `The manual refund of ${answer.refund.amountRupiah} for ${answer.refund.id} is recorded as ${asked.reference}.`,
        );
      case 'not_awaited':
        return refused(
          answer,
          answer.state === null
            ? `Refund ${asked.refundId} does not exist.`
            : `Refund ${asked.refundId} does not wait to be paid out by hand: its state is ${answer.state}.`,
        );
      default:
        return unanswered(answer);
    }
  },
};
