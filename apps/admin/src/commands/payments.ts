import {
  confirmTransfer,
  listExceptions,
  listTransfers,
  payoutInput,
  recordPayout,
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
import { checked, type Command, done, listed, numberIn, refused, unanswered } from './command.ts';

const SHOWN = 100;

export const transfers: Command = {
  words: '',
  summary: 'lists the bank transfers that are awaited, those with a proof first',
  run: async (context) => listed(await listTransfers(context, SHOWN), 'No bank transfer is awaited.', SHOWN),
};

export const confirm: Command = {
  words: 'ATTEMPT AMOUNT LINE',
  summary: "enters a transfer; LINE names the line on the bank's statement, which counts once",
  redis: 'needed',
  isJob: true,
  async run(context, [attemptId, amount, bankReference], request) {
    const input = { attemptId, amountRupiah: numberIn(amount), bankReference };
    const asked = checked(transferInput, 'The transfer', input);
    const answer = await confirmTransfer(context, request, asked);
    switch (answer.kind) {
      case 'entered': {
        const { meaning, orderId, amountRupiah, expectedRupiah } = answer;
        const differs = amountRupiah === expectedRupiah ? '' : `, where ${expectedRupiah} were asked for`;
        const entered = `${amountRupiah} were entered for ${answer.attemptId}${differs}.`;
        return meaning === 'paid'
          ? done(answer, `${entered} They paid order ${orderId}.`)
          : done(answer, `${entered} They did not pay order ${orderId} (${meaning}). Look at: exceptions`);
      }
      case 'unknown_transfer':
        return refused(
          answer,
          `There is no bank transfer ${asked.attemptId}. Those that are awaited: transfers`,
        );
      case 'line_used':
        return refused(answer, `Line ${asked.bankReference} was entered for ${answer.enteredFor}.`);
      default:
        return unanswered(answer);
    }
  },
};

export const reject: Command = {
  words: 'ATTEMPT REASON',
  summary: 'says that no such transfer has come',
  redis: 'needed',
  isJob: true,
  async run(context, [attemptId, reason], request) {
    const asked = checked(rejectTransferInput, 'The rejection', { attemptId, reason });
    const answer = await rejectTransfer(context, request, asked);
    switch (answer.kind) {
      case 'rejected':
        return done(
          answer,
          `${asked.attemptId} is rejected. Order ${answer.orderId} ends when its time to pay is over.`,
        );
      case 'unknown_transfer':
      case 'not_awaited':
        return refused(answer, `No bank transfer ${asked.attemptId} is awaited. Those that are: transfers`);
      default:
        return unanswered(answer);
    }
  },
};

export const exceptions: Command = {
  words: '',
  summary: 'lists the payment exceptions: money that an operator has to put right',
  run: async (context) =>
    listed(await listExceptions(context, SHOWN), 'No payment exception is open.', SHOWN),
};

export const resolve: Command = {
  words: 'EXCEPTION RESOLUTION',
  summary: 'closes a payment exception, and writes down how it was put right',
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
        return refused(answer, `A refund for exception ${exceptionId} is under way, and resolves it.`);
      case 'payout_awaited':
        return refused(
          answer,
          `Exception ${exceptionId} waits for a payout. Enter it with: paid-out REFUND REFERENCE`,
        );
      case 'not_open':
        return refused(answer, `There is no open exception ${exceptionId}. Those that are: exceptions`);
      default:
        return unanswered(answer);
    }
  },
};

export const stray: Command = {
  words: 'AMOUNT LINE NOTE',
  summary: 'opens an exception for money at the bank that belongs to no known transfer',
  redis: 'needed',
  isJob: true,
  async run(context, [amount, bankReference, note], request) {
    const input = { amountRupiah: numberIn(amount), bankReference, note };
    const asked = checked(strayTransferInput, 'The transfer', input);
    const answer = await reportStrayTransfer(context, request, asked);
    switch (answer.kind) {
      case 'opened':
        return done(answer, `An exception is open for line ${asked.bankReference}.`);
      case 'known':
        return done(answer, `Line ${asked.bankReference} has its exception already.`);
      case 'line_used':
        return refused(answer, `Line ${asked.bankReference} was entered for ${answer.enteredFor}.`);
      default:
        return unanswered(answer);
    }
  },
};

export const refund: Command = {
  words: 'PAYMENT AMOUNT|all REASON [EXCEPTION]',
  summary: 'sends money back; PAYMENT is an order or a payment attempt',
  redis: 'needed',
  isJob: true,
  async run(context, [payment, amount, reason, exception], request) {
    const asked = checked(refundInput, 'The refund', {
      ...{ payment, amountRupiah: numberIn(amount), reason },
      ...(exception === undefined ? {} : { exceptionId: numberIn(exception) }),
    });
    const answer = await requestRefund(context, request, asked);
    switch (answer.kind) {
      case 'requested': {
        const { id, attemptId, amountRupiah, state } = answer.refund;
        return state === 'manual_payout'
          ? done(
              answer,
              `${amountRupiah} of ${attemptId} are to be paid out by hand. Then: paid-out ${id} REFERENCE`,
            )
          : done(answer, `${amountRupiah} of ${attemptId} go back as ${id}.`);
      }
      case 'unknown_payment':
        return refused(answer, `There is no payment ${asked.payment} that could go back.`);
      case 'not_paid':
        return refused(
          answer,
          `The money of ${answer.attemptId} has not come, or was taken back: none can go back.`,
        );
      case 'too_much':
        return refused(answer, `At most ${answer.leftRupiah} of ${answer.attemptId} can go back.`);
      case 'wrong_exception':
        return refused(
          answer,
          `Exception ${asked.exceptionId} is resolved, or not of this payment. Those that are open: exceptions`,
        );
      case 'other_refund':
        return refused(
          answer,
          `Another refund is called ${answer.refundId}. Ask again without --request-id.`,
        );
      default:
        return unanswered(answer);
    }
  },
};

export const paidOut: Command = {
  words: 'REFUND REFERENCE',
  summary: 'says that a refund was paid out by hand',
  redis: 'needed',
  isJob: true,
  async run(context, [refundId, reference], request) {
    const asked = checked(payoutInput, 'The payout', { refundId, reference });
    const answer = await recordPayout(context, request, asked);
    switch (answer.kind) {
      case 'recorded':
        return done(
          answer,
          `The payout of ${answer.refund.amountRupiah} for ${answer.refund.id} is entered as ${asked.reference}.`,
        );
      case 'not_awaited':
        return refused(
          answer,
          answer.state === null
            ? `There is no refund ${asked.refundId}.`
            : `Refund ${asked.refundId} waits for no payout by hand: it is ${answer.state}.`,
        );
      default:
        return unanswered(answer);
    }
  },
};
