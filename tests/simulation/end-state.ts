// Checks of the final state: money, refunds, orders and stock agree with the records of the gateways and the bank.
import {
  attemptById,
  auditMoney,
  auditStock,
  type Database,
  type Kysely,
  lockRefunds,
  type PaymentAttempt,
} from '@antrean/db';
import { REFUNDED_AUTOMATICALLY } from '@antrean/domain';
import { returnedOf } from './gateways.ts';
import { checkCharges, checkLedgers, checkNoSecondLink, type Ledger, readLedger } from './ledgers.ts';
import { must } from './violation.ts';
import type { Transfer, World } from './world.ts';

type Books = Awaited<ReturnType<typeof readBooks>>;

/** Throws a ViolationError. */
export async function checkEnd(world: World, sku: string): Promise<void> {
  const books = await readBooks(world.db, world.orderIds);
  world.counts.exceptions += books.exceptions.length;
  world.counts.payments += world.ledger().length + world.transfers.length;
  for (const { id, state } of world.attempts)
    must(!['created', 'sent', 'unknown', 'active'].includes(state), () => `${id} ends as ${state}.`);
  await checkPayments(world, books);
  const ledger = await readLedger(world.db, world.orderIds, books.exceptions);
  checkLedgers(world, ledger);
  checkCharges(world, ledger);
  checkNoSecondLink(world, ledger);
  checkReturned(world, books);
  await checkRefunds(world, books);
  await checkTransfers(world, books, ledger);
  await checkOrders(world, books);
  await checkStock(world, sku);
  const jobs = world.workers.jobs.filter(({ state }) => state === 'waiting').map(({ name }) => name);
  must(jobs.length === 0, () => `Jobs are left: ${jobs.join(', ')}.`);
}

async function readBooks(db: Kysely<Database>, orderIds: readonly string[]) {
  const exceptions = await db
    .selectFrom('paymentExceptions')
    .select([
      'id',
      'kind',
      'state',
      'attemptId',
      'amountRupiah',
      'subject',
      'openedAt',
      'resolvedAt',
      'resolvedBy',
    ])
    .where('orderId', 'in', orderIds)
    .execute();
  const refunds = await db.transaction().execute((trx) => lockRefunds(trx, orderIds));
  const paidOut = await db
    .selectFrom('refunds')
    .innerJoin('paymentAttempts', 'paymentAttempts.id', 'refunds.attemptId')
    .select('refunds.id')
    .where('paymentAttempts.orderId', 'in', orderIds)
    .where('refunds.bankReference', 'is not', null)
    .execute();
  return {
    exceptions,
    refunds,
    /** Refunds that were paid out by hand. */
    paidOut: new Set(paidOut.map(({ id }) => id)),
    exceptionOf: (attemptId: string, kind: string) =>
      exceptions.find((one) => one.attemptId === attemptId && one.kind === kind),
  };
}

/** Each payment is entered, with the right outcome. */
async function checkPayments(world: World, { refunds, exceptionOf }: Books): Promise<void> {
  for (const payment of world.ledger()) {
    const { attemptId, amountRupiah, transactionId } = payment;
    const attempt = await attemptById(world.db, attemptId);
    must(attempt !== undefined, () => `A payment arrived for ${attemptId}, which does not exist.`);
    const name = `The payment ${transactionId}`;
    if (payment.isUnconfirmed) {
      const isKnown = exceptionOf(attemptId, 'unconfirmed_payment') !== undefined;
      must(isKnown || !world.isKnowable(payment), () => `${name} was announced, but there is no exception.`);
      continue;
    }
    if (attempt?.outcome == null && !world.isKnowable(payment)) continue;
    if (payment.isReversed) {
      must(attempt?.state !== 'paid', () => `${name} was reversed, but its attempt is paid.`);
      continue;
    }
    if (payment.isChargedBack) {
      must(
        attempt?.state === 'charged_back',
        () => `${name} was charged back, but its attempt is ${attempt?.state}.`,
      );
      must(
        exceptionOf(attemptId, 'chargeback') !== undefined,
        () => `${name} was charged back, but there is no exception.`,
      );
      continue;
    }
    // Known gap: a payment by another transaction after a chargeback is not always found.
    if (attempt?.state === 'charged_back' && attempt.transactionId !== transactionId) continue;
    must(attempt?.state === 'paid', () => `${name} arrived, but its attempt is ${attempt?.state}.`);
    must(
      attempt?.transactionId === transactionId && attempt.receivedRupiah === amountRupiah,
      () => `${name} is entered as ${attempt?.transactionId} of ${attempt?.receivedRupiah} IDR.`,
    );
    const outcome = attempt?.outcome ?? 'paid';
    if (outcome === 'paid') continue;
    const opened = exceptionOf(attemptId, outcome);
    must(opened !== undefined, () => `${name} is a ${outcome}, but there is no exception.`);
    if (!REFUNDED_AUTOMATICALLY.some((kind) => kind === outcome)) continue;
    const refund = refunds.find((one) => one.id === `rf-${attemptId}`);
    must(refund !== undefined, () => `${name} is a ${outcome}, but has no refund.`);
    // The payment was taken back meanwhile, or an operator requested another refund.
    const isAnew = refunds.some((one) => one !== refund && one.exceptionId === refund?.exceptionId);
    if (refund?.state === 'refused' && (isAnew || (attempt?.timesUndone ?? 0) > 0)) continue;
    const isBack = refund?.state === 'succeeded' && opened?.state === 'resolved';
    const waits = refund?.state === 'manual_refund' && opened?.state === 'manual_refund';
    const isLeft = opened?.state === 'open' || opened?.resolvedBy === 'admin';
    const failed = refund?.state === 'refused' && isLeft;
    must(
      isBack || waits || failed,
      () => `${name}: its refund is ${refund?.state}, its exception ${opened?.state}.`,
    );
  }
}

/** The refunds of each payment agree with the gateway's, and never exceed the payment. */
function checkReturned(world: World, { refunds, paidOut, exceptionOf }: Books): void {
  for (const payment of world.ledger()) {
    const { attemptId, amountRupiah } = payment;
    const ours = refunds.filter((one) => one.attemptId === attemptId);
    const sumOf = (some: readonly { amountRupiah: number }[]) =>
      some.reduce((sum, one) => sum + one.amountRupiah, 0);
    const succeeded = ours.filter(({ state }) => state === 'succeeded');
    must(
      returnedOf(payment) <= amountRupiah,
      () => `The gateway refunded more of ${attemptId} than was paid.`,
    );
    must(sumOf(succeeded) <= amountRupiah, () => `The refunds of ${attemptId} exceed the payment.`);
    for (const [id, there] of payment.refunds) {
      if (there.isOutside) continue;
      const here = ours.find((one) => one.id === id);
      const expected = there.state === 'going' ? 'succeeded' : 'refused';
      must(
        here?.state === expected && here.amountRupiah === there.amountRupiah,
        () =>
          `The refund ${id} of ${there.amountRupiah} IDR is ${there.state} at the gateway and ${here?.state} in PostgreSQL.`,
      );
    }
    for (const { id } of succeeded.filter((one) => !paidOut.has(one.id) && !one.id.startsWith('out-')))
      must(payment.refunds.has(id), () => `The refund ${id} succeeded, but the gateway does not know it.`);
    // A gateway then reports only the chargeback.
    if (payment.isChargedBack || payment.isUnconfirmed) continue;
    const byGateway = sumOf(succeeded.filter(({ id }) => !paidOut.has(id)));
    must(
      byGateway === returnedOf(payment),
      () => `The gateway refunded ${returnedOf(payment)} IDR of ${attemptId}, PostgreSQL has ${byGateway}.`,
    );
    must(
      returnedOf(payment, 'outside') === 0 || exceptionOf(attemptId, 'external_refund') !== undefined,
      () => `Money of ${attemptId} was refunded at the gateway, but there is no exception.`,
    );
  }
}

/** Each refund has ended. */
async function checkRefunds({ db }: World, { refunds, exceptionOf }: Books): Promise<void> {
  for (const { id, attemptId, state } of refunds) {
    must(
      !['requested', 'sent', 'unknown', 'pending'].includes(state),
      () => `The refund ${id} ends as ${state}.`,
    );
    const attempt = await attemptById(db, attemptId);
    must(
      state !== 'manual_refund' || attempt?.state === 'paid',
      () => `The refund ${id} waits to be paid out, but its payment is ${attempt?.state}.`,
    );
    const isTwice = state === 'succeeded' && attempt?.state !== 'paid' && attempt !== undefined;
    const returnedRupiah = refunds
      .filter((one) => one.attemptId === attemptId && one.state === 'succeeded')
      .reduce((sum, { amountRupiah }) => sum + amountRupiah, attempt?.takenBackRupiah ?? 0);
    must(
      !isTwice ||
        returnedRupiah <= (attempt?.receivedRupiah ?? 0) ||
        exceptionOf(attemptId, 'paid_back_twice') !== undefined,
      () =>
        `${returnedRupiah} IDR of ${attemptId} were returned, which is too much, but there is no exception.`,
    );
  }
}

/** Each line on the bank statement is entered, and its money is in the ledger or named by an exception. */
async function checkTransfers(
  world: World,
  { exceptions, exceptionOf }: Books,
  ledger: Ledger,
): Promise<void> {
  const isNamed = ({ attemptId, reference }: Transfer) =>
    exceptions.some((one) => one.attemptId === attemptId && one.subject.includes(reference));
  for (const transfer of world.transfers) {
    const { attemptId, reference, amountRupiah } = transfer;
    const attempt = await attemptById(world.db, attemptId);
    const outcome = attempt?.outcome ?? 'paid';
    const isEntered =
      attempt?.transactionId === reference &&
      (outcome === 'paid' || exceptionOf(attemptId, outcome) !== undefined);
    must(
      isEntered || isNamed(transfer),
      () => `The transfer ${reference} of ${amountRupiah} IDR is not entered.`,
    );
  }
  for (const [attemptId, lines] of Map.groupBy(world.transfers, (transfer) => transfer.attemptId)) {
    const sum = (some: readonly Transfer[]) =>
      some.reduce((total, { amountRupiah }) => total + amountRupiah, 0);
    const bookedRupiah = ledger.receivedAt(attemptId);
    const leftRupiah = sum(lines) - bookedRupiah;
    must(
      leftRupiah >= 0 && leftRupiah <= sum(lines.filter(isNamed)),
      () =>
        `${sum(lines)} IDR were transferred for ${attemptId}, ${bookedRupiah} are in our ledger, and no exception names the rest.`,
    );
  }
}

/** Each order ended in accordance with its payment, and its money adds up. */
async function checkOrders(world: World, { exceptions, refunds, exceptionOf }: Books): Promise<void> {
  for (const { orderId, state } of world.orders) {
    const paying = world.attempts.filter((one) => one.orderId === orderId && one.outcome === 'paid');
    must(paying.length <= 1, () => `${orderId} was paid by ${paying.map(({ id }) => id).join(' and ')}.`);
    const [by] = paying;
    // Also when an operator has closed it, and has not voided or released the order so far.
    const isOpen = exceptions.some(
      (one) => one.attemptId === by?.id && (one.state !== 'resolved' || one.resolvedBy === 'admin'),
    );
    const back = refunds
      .filter((one) => one.attemptId === by?.id && one.state === 'succeeded')
      .reduce((sum, { amountRupiah }) => sum + amountRupiah, 0);
    const isTakenBack = by?.state === 'reversed' || by?.state === 'charged_back';
    const isRight =
      state === 'paid'
        ? by?.state === 'paid' && back < world.wholeRupiah(by)
        : state === 'shipped'
          ? by !== undefined
          : state === 'payment_hold'
            ? by !== undefined && isOpen
            : state === 'refunded'
              ? by !== undefined && back >= world.wholeRupiah(by)
              : state === 'cancelled'
                ? by === undefined || isTakenBack || exceptionOf(by.id, 'paid_after_cancel') !== undefined
                : (state === 'expired' || state === 'rejected') && by === undefined;
    must(
      isRight,
      () =>
        `${orderId} ends as ${state}, but its payment is ${by?.state ?? 'none'}, with ${back} IDR refunded.`,
    );
    await checkShipped(world, orderId, by);
    const { differences, sumRupiah } = await auditMoney(world.db, { orderId });
    must(differences.length === 0, () => `The money of ${orderId} differs: ${JSON.stringify(differences)}.`);
    must(sumRupiah === 0, () => `The money of ${orderId} sums to ${sumRupiah}.`);
  }
}

/** No order was shipped while its whole payment was refunded or being refunded. */
async function checkShipped(world: World, orderId: string, by: PaymentAttempt | undefined): Promise<void> {
  const { db } = world;
  const shipped = await db
    .selectFrom('orderTransitions')
    .select('at')
    .where('orderId', '=', orderId)
    .where('toState', '=', 'shipped')
    .executeTakeFirst();
  if (shipped === undefined || by === undefined) return;
  const before = await db
    .selectFrom('refunds')
    .select((eb) => eb.fn.sum<number>('amountRupiah').as('rupiah'))
    .where('attemptId', '=', by.id)
    .where('state', '<>', 'refused')
    .where('createdAt', '<', shipped.at)
    .executeTakeFirst();
  must(
    (before?.rupiah ?? 0) < world.wholeRupiah(by),
    () => `${orderId} was shipped while ${before?.rupiah} IDR of its payment were refunded.`,
  );
}

/** The stock agrees with the sold orders, and with the ledger. */
async function checkStock(world: World, sku: string): Promise<void> {
  const [stock] = await auditStock(world.db, sku);
  const sold = world.orders.filter(({ state }) => state === 'paid' || state === 'payment_hold').length;
  must(
    stock !== undefined &&
      stock.reserved === 0 &&
      stock.committed === sold &&
      stock.onHand >= sold &&
      stock.ledgerReserved === stock.reserved &&
      stock.ledgerCommitted === stock.committed &&
      stock.ledgerOnHand === stock.onHand &&
      stock.gaps === 0,
    () => `The stock is ${JSON.stringify(stock)}, but ${sold} units are sold.`,
  );
}
