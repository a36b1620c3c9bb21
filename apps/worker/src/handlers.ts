import {
  type AwaitedJob,
  type Handler,
  type Handlers,
  type JobName,
  type JobOutcomes,
  type JobPayload,
} from '@antrean/queue';
import { withOutcome } from './command-outcomes.ts';
import type { DatabaseGate } from './database-gate.ts';
import type { JobDependencies } from './dependencies.ts';
import { applyPaymentEvent } from './jobs/apply-payment-event.ts';
import { applyRefundEvent } from './jobs/apply-refund-event.ts';
import { attachTransferProof } from './jobs/attach-transfer-proof.ts';
import { cancelOrder } from './jobs/cancel-order.ts';
import { changePaymentMethod } from './jobs/change-payment-method.ts';
import { confirmTransfer } from './jobs/confirm-transfer.ts';
import { correctTransfer } from './jobs/correct-transfer.ts';
import { createPayment } from './jobs/create-payment.ts';
import { expireOrder } from './jobs/expire-order.ts';
import { openException } from './jobs/open-exception.ts';
import { receiveStock } from './jobs/receive-stock.ts';
import { reconcilePayment } from './jobs/reconcile-payment.ts';
import { recordManualRefund } from './jobs/record-manual-refund.ts';
import { rejectTransfer } from './jobs/reject-transfer.ts';
import { releaseHold } from './jobs/release-hold.ts';
import { releaseOrder } from './jobs/release-order.ts';
import { requestRefund } from './jobs/request-refund.ts';
import { reserveOrder } from './jobs/reserve-order.ts';
import { resumePaymentEvent } from './jobs/resume-payment-event.ts';
import { resolveException } from './jobs/resolve-exception.ts';
import { sendRefund } from './jobs/send-refund.ts';
import { settlementReport } from './jobs/settlement-report.ts';
import { shipOrder } from './jobs/ship-order.ts';
import { voidOrder } from './jobs/void-order.ts';
import type { Reservations } from './orders/reserve-orders.ts';

/** A job as a function of its dependencies and payload. The queue discards its result. */
type Job<N extends JobName> = (
  deps: JobDependencies,
  payload: JobPayload<N>,
  jobId: string,
) => Promise<unknown>;

/** The handler of every job. All pass the database gate; a reservation passes it with its batch. */
export function createHandlers(
  deps: JobDependencies,
  { gate, reservations }: { gate: Pick<DatabaseGate, 'through'>; reservations: Pick<Reservations, 'submit'> },
): Handlers {
  const gated =
    <N extends JobName>(job: Job<N>): Handler<N> =>
    async (payload, { jobId }) => {
      await gate.through(() => job(deps, payload, jobId));
    };
  const awaited = <N extends AwaitedJob>(
    name: N,
    job: (deps: JobDependencies, payload: JobPayload<N>) => Promise<JobOutcomes[N]>,
  ): Handler<N> => withOutcome({ db: deps.db, gate }, name, (payload) => job(deps, payload));
  return {
    'reserve-order': (order, { attempt }) => reserveOrder(deps, reservations, order, attempt),
    'create-payment': gated(createPayment),
    'expire-order': gated(expireOrder),
    'cancel-order': gated(cancelOrder),
    'release-hold': gated(releaseHold),
    'change-payment-method': gated(changePaymentMethod),
    'attach-transfer-proof': gated(attachTransferProof),
    'confirm-transfer': awaited('confirm-transfer', confirmTransfer),
    'correct-transfer': awaited('correct-transfer', correctTransfer),
    'reject-transfer': awaited('reject-transfer', rejectTransfer),
    'request-refund': awaited('request-refund', requestRefund),
    'record-manual-refund': awaited('record-manual-refund', recordManualRefund),
    'void-order': awaited('void-order', voidOrder),
    'release-order': awaited('release-order', releaseOrder),
    'open-exception': awaited('open-exception', openException),
    'resolve-exception': awaited('resolve-exception', resolveException),
    'apply-payment-event': gated(applyPaymentEvent),
    'resume-payment-event': gated(resumePaymentEvent),
    'apply-refund-event': gated(applyRefundEvent),
    'reconcile-payment': gated(reconcilePayment),
    'send-refund': gated(sendRefund),
    'settlement-report': gated(settlementReport),
    'ship-order': gated(shipOrder),
    'receive-stock': awaited('receive-stock', receiveStock),
  };
}
