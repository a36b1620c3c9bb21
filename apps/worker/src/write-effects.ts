import {
  adjustRefundedTotals,
  correctTransfers,
  type Database,
  disputeAttempts,
  endAttempts,
  endRefunds,
  freeTransferAmounts,
  insertRefunds,
  insertShipments,
  type LockedStock,
  markAttemptsPaid,
  moveMoney,
  moveOrders,
  movePaymentExceptions,
  moveStock,
  openPaymentExceptions,
  postpone,
  recordFees,
  scheduleStatusChecks,
  type Transaction,
  undoAttempts,
} from '@antrean/db';
import { type Effects, nextStatusCheckAt, TRANSFER_AMOUNT_COOLDOWN_MS } from '@antrean/domain';

/** Earlier than any other attempt that is due. */
const POLL_FIRST_MS = 24 * 3_600_000;

/** Writes the effects of a round: one statement for each table, for any number of commands. */
export async function writeEffects(
  trx: Transaction<Database>,
  effects: Effects,
  { stock, now }: { stock: readonly LockedStock[]; now: Date },
): Promise<void> {
  const { orderMoves = [], heldOrders = [], shipments = [], stockMovements = [] } = effects;
  const {
    correctedTransfers = [],
    paidAttempts = [],
    undoneAttempts = [],
    disputedAttempts = [],
    statusChecks = [],
  } = effects;
  const { closedAttempts = [], abandonedAttempts = [], freedTransferAmounts = [] } = effects;
  const {
    refundedTotals = [],
    moneyMovements = [],
    fees = [],
    endedRefunds = [],
    exceptionMoves = [],
  } = effects;
  const after = (ms: number) => new Date(now.getTime() + ms);
  await Promise.all([
    moveOrders(trx, orderMoves),
    endAttempts(trx, abandonedAttempts, 'abandoned', nextStatusCheckAt('abandoned', now)),
    endAttempts(trx, closedAttempts, 'closed', nextStatusCheckAt('closed', now)),
    correctTransfers(trx, correctedTransfers),
    markAttemptsPaid(trx, paidAttempts),
    undoAttempts(trx, undoneAttempts),
    disputeAttempts(
      trx,
      disputedAttempts.map(({ id }) => id),
      now,
    ),
    adjustRefundedTotals(trx, refundedTotals),
    scheduleStatusChecks(trx, statusChecks, after(-POLL_FIRST_MS)),
    freeTransferAmounts(trx, freedTransferAmounts, after(TRANSFER_AMOUNT_COOLDOWN_MS)),
    moveMoney(trx, moneyMovements),
    recordFees(trx, fees),
    movePaymentExceptions(trx, exceptionMoves),
    endRefunds(trx, endedRefunds),
    insertShipments(trx, shipments),
    moveStock(trx, stockMovements, stock),
  ]);
  await Promise.all([...new Set(heldOrders)].map((orderId) => postpone(trx, orderId, null)));
  await writeRefunds(trx, effects);
}

/** Opens exceptions, inserts their refunds and others, and moves the exceptions of these refunds. */
async function writeRefunds(
  trx: Transaction<Database>,
  { newExceptions = [], newRefunds = [] }: Effects,
): Promise<void> {
  const opened = await openPaymentExceptions(
    trx,
    newExceptions.map(({ refund: _, ...exception }) => exception),
  );
  const ofOpened = newExceptions.flatMap(({ refund, kind, subject }) => {
    const exceptionId = opened.find((row) => row.kind === kind && row.subject === subject)?.id;
    return refund === undefined || exceptionId === undefined ? [] : [{ ...refund, exceptionId }];
  });
  const refunds = [...newRefunds, ...ofOpened];
  if (refunds.length === 0) return;
  await Promise.all([
    insertRefunds(trx, refunds),
    movePaymentExceptions(
      trx,
      refunds.map(({ exceptionId, state, requestedBy }) => ({
        id: exceptionId,
        // A refund made outside this system leaves its exception open for a person.
        to: state === 'manual_refund' ? state : state === 'succeeded' ? 'open' : 'refunding',
        actor: requestedBy,
        resolution: '',
      })),
    ),
  ]);
}
