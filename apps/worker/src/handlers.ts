import { type Handler, type Handlers, type JobName, type JobPayload, JOBS } from '@antrean/queue';
import type { DatabaseGate } from './database-gate.ts';
import type { JobDependencies } from './dependencies.ts';
import { applyPaymentEvent } from './jobs/apply-payment-event.ts';
import { applyRefundEvent } from './jobs/apply-refund-event.ts';
import { attachTransferProof } from './jobs/attach-transfer-proof.ts';
import { cancelOrder } from './jobs/cancel-order.ts';
import { changePaymentMethod } from './jobs/change-payment-method.ts';
import { confirmTransfer } from './jobs/confirm-transfer.ts';
import { createPayment } from './jobs/create-payment.ts';
import { expireOrder } from './jobs/expire-order.ts';
import { receiveStock } from './jobs/receive-stock.ts';
import { reconcilePayment } from './jobs/reconcile-payment.ts';
import { recordPayout } from './jobs/record-payout.ts';
import { rejectTransfer } from './jobs/reject-transfer.ts';
import { releaseHold } from './jobs/release-hold.ts';
import { releaseOrder } from './jobs/release-order.ts';
import { requestRefund } from './jobs/request-refund.ts';
import { reserveOrder } from './jobs/reserve-order.ts';
import { sendRefund } from './jobs/send-refund.ts';
import { settlementReport } from './jobs/settlement-report.ts';
import { shipOrder } from './jobs/ship-order.ts';
import { voidOrder } from './jobs/void-order.ts';
import type { Reservations } from './orders/reserve-orders.ts';

/** A job by what it works on. What it returns besides, the queue does not keep. */
type Job<N extends JobName> = (
  deps: JobDependencies,
  payload: JobPayload<N>,
  jobId: string,
) => Promise<unknown>;

/** The handler of every job. All pass the gate; a reservation passes it with its batch. */
export function createHandlers(
  deps: JobDependencies,
  { gate, reservations }: { gate: Pick<DatabaseGate, 'through'>; reservations: Pick<Reservations, 'submit'> },
): Handlers {
  const gated =
    <N extends JobName>(job: Job<N>): Handler<N> =>
    async (payload, { jobId }) => {
      await gate.through(() => job(deps, payload, jobId));
    };
  return {
    'reserve-order': (order, { attempt }) => reserveOrder(deps, reservations, order, attempt),
    'create-payment': gated(createPayment),
    'expire-order': gated(expireOrder),
    'cancel-order': gated(cancelOrder),
    'release-hold': gated(releaseHold),
    'change-payment-method': gated(changePaymentMethod),
    'attach-transfer-proof': gated(attachTransferProof),
    'confirm-transfer': gated(confirmTransfer),
    'reject-transfer': gated(rejectTransfer),
    'request-refund': gated(requestRefund),
    'record-payout': gated(recordPayout),
    'void-order': gated(voidOrder),
    'release-order': gated(releaseOrder),
    'apply-payment-event': (event, { attempt }) => {
      const isLastTry = attempt >= JOBS['apply-payment-event'].attempts;
      return gate.through(() => applyPaymentEvent(deps, event, isLastTry));
    },
    'apply-refund-event': gated(applyRefundEvent),
    'reconcile-payment': gated(reconcilePayment),
    'send-refund': gated(sendRefund),
    'settlement-report': gated(settlementReport),
    'ship-order': gated(shipOrder),
    'receive-stock': gated(receiveStock),
  };
}
