// What must be so once all has come to rest: money, refunds, orders and stock agree with what the gateways and the bank have.
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
import { must } from './violation.ts';
import type { World } from './world.ts';

type Books = Awaited<ReturnType<typeof readBooks>>;

/** Throws a ViolationError. */
export async function checkEnd(world: World, sku: string): Promise<void> {
  const books = await readBooks(world.db, world.orderIds);
  world.counts.exceptions += books.exceptions.length;
  world.counts.payments += world.ledger().length + world.transfers.length;
  for (const { id, state } of world.attempts)
    must(!['created', 'sent', 'unknown', 'active'].includes(state), () => `${id} ends as ${state}.`);
  await checkPayments(world, books);
  checkReturned(world, books);
  await checkRefunds(world, books);
  await checkTransfers(world, books);
  await checkOrders(world, books);
  await checkStock(world, sku);
  const jobs = world.workers.jobs.filter(({ state }) => state === 'waiting').map(({ name }) => name);
  must(jobs.length === 0, () => `Jobs are left: ${jobs.join(', ')}.`);
}

async function readBooks(db: Kysely<Database>, orderIds: readonly string[]) {
  const exceptions = await db
    .selectFrom('paymentExceptions')
    .select(['kind', 'state', 'attemptId', 'amountRupiah', 'subject'])
    .where('orderId', 'in', orderIds)
    .execute();
  const refunds = await db.transaction().execute((trx) => lockRefunds(trx, orderIds));
  const paidOut = await db
    .selectFrom('refunds')
    .innerJoin('paymentAttempts', 'paymentAttempts.id', 'refunds.attemptId')
    .select('refunds.id')
    .where('paymentAttempts.orderId', 'in', orderIds)
    .where('refunds.payoutReference', 'is not', null)
    .execute();
  return {
    exceptions,
    refunds,
    /** By hand. */
    paidOut: new Set(paidOut.map(({ id }) => id)),
    exceptionOf: (attemptId: string, kind: string) =>
      exceptions.find((one) => one.attemptId === attemptId && one.kind === kind),
  };
}

/** Each payment that came is in the books as what it was. */
async function checkPayments(world: World, { refunds, exceptionOf }: Books): Promise<void> {
  for (const payment of world.ledger()) {
    const { attemptId, amountRupiah, transactionId } = payment;
    const attempt = await attemptById(world.db, attemptId);
    must(attempt !== undefined, () => `Money came for ${attemptId}, which is not there.`);
    const name = `The payment ${transactionId}`;
    if (payment.isUnconfirmed) {
      const isKnown = exceptionOf(attemptId, 'unconfirmed_payment') !== undefined;
      must(isKnown || world.droppedFor.has(attemptId), () => `${name} was announced, and no case is open.`);
      continue;
    }
    if (payment.isReversed) {
      must(attempt?.state !== 'paid', () => `${name} was reversed, and its attempt is paid.`);
      continue;
    }
    if (payment.isChargedBack) {
      must(
        attempt?.state === 'charged_back',
        () => `${name} was charged back, and its attempt is ${attempt?.state}.`,
      );
      must(
        exceptionOf(attemptId, 'chargeback') !== undefined,
        () => `${name} was charged back, and no case is open.`,
      );
      continue;
    }
    must(attempt?.state === 'paid', () => `${name} came, and its attempt is ${attempt?.state}.`);
    must(
      attempt?.transactionId === transactionId && attempt.receivedRupiah === amountRupiah,
      () => `${name} is entered as ${attempt?.transactionId} of ${attempt?.receivedRupiah} IDR.`,
    );
    const outcome = attempt?.outcome ?? 'paid';
    if (outcome === 'paid') continue;
    const opened = exceptionOf(attemptId, outcome);
    must(opened !== undefined, () => `${name} is a ${outcome}, and no case says so.`);
    if (!REFUNDED_AUTOMATICALLY.some((kind) => kind === outcome)) continue;
    const refund = refunds.find((one) => one.id === `rf-${attemptId}`);
    must(refund !== undefined, () => `${name} is a ${outcome}, and its money does not go back.`);
    // Taken back meanwhile, or asked for anew by an admin.
    const isAnew = refunds.some((one) => one !== refund && one.exceptionId === refund?.exceptionId);
    if (refund?.state === 'refused' && (isAnew || (attempt?.timesUndone ?? 0) > 0)) continue;
    const isBack = refund?.state === 'succeeded' && opened?.state === 'resolved';
    const waits = refund?.state === 'manual_payout' && opened?.state === 'manual_payout';
    const failed = refund?.state === 'refused' && opened?.state === 'open';
    must(
      isBack || waits || failed,
      () => `${name}: its refund is ${refund?.state}, its case ${opened?.state}.`,
    );
  }
}

/** Of each payment as much went back as the books say, and never more than came. */
function checkReturned(world: World, { refunds, paidOut, exceptionOf }: Books): void {
  for (const payment of world.ledger()) {
    const { attemptId, amountRupiah } = payment;
    const ours = refunds.filter((one) => one.attemptId === attemptId);
    const sumOf = (some: readonly { amountRupiah: number }[]) =>
      some.reduce((sum, one) => sum + one.amountRupiah, 0);
    const succeeded = ours.filter(({ state }) => state === 'succeeded');
    must(returnedOf(payment) <= amountRupiah, () => `More of ${attemptId} went back than came.`);
    must(sumOf(succeeded) <= amountRupiah, () => `More of ${attemptId} went back than came, by hand.`);
    for (const [id, there] of payment.refunds) {
      if (there.isOutside) continue;
      const here = ours.find((one) => one.id === id);
      const expected = there.state === 'going' ? 'succeeded' : 'refused';
      must(
        here?.state === expected && here.amountRupiah === there.amountRupiah,
        () =>
          `The refund ${id} of ${there.amountRupiah} IDR is ${there.state} there and ${here?.state} here.`,
      );
    }
    for (const { id } of succeeded.filter((one) => !paidOut.has(one.id) && !one.id.startsWith('out-')))
      must(payment.refunds.has(id), () => `The refund ${id} went nowhere.`);
    // What its bank took back is all that a gateway says then.
    if (payment.isChargedBack || payment.isUnconfirmed) continue;
    const byGateway = sumOf(succeeded.filter(({ id }) => !paidOut.has(id)));
    must(
      byGateway === returnedOf(payment),
      () => `Of ${attemptId} ${returnedOf(payment)} IDR went back by refunds, and we know of ${byGateway}.`,
    );
    must(
      returnedOf(payment, 'outside') === 0 || exceptionOf(attemptId, 'external_refund') !== undefined,
      () => `Of ${attemptId} money was refunded elsewhere, and no case says so.`,
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
      state !== 'manual_payout' || attempt?.state === 'paid',
      () => `The refund ${id} waits to be paid out, and its payment is ${attempt?.state}.`,
    );
    const isTwice = state === 'succeeded' && attempt?.state !== 'paid' && attempt !== undefined;
    const returnedRupiah = refunds
      .filter((one) => one.attemptId === attemptId && one.state === 'succeeded')
      .reduce((sum, { amountRupiah }) => sum + amountRupiah, attempt?.takenBackRupiah ?? 0);
    must(
      !isTwice ||
        returnedRupiah <= (attempt?.receivedRupiah ?? 0) ||
        exceptionOf(attemptId, 'paid_back_twice') !== undefined,
      () => `Of ${attemptId} ${returnedRupiah} IDR went back, and no case says that it is too much.`,
    );
  }
}

/** Each line on the bank's statement is entered somewhere. */
async function checkTransfers(world: World, { exceptions, exceptionOf }: Books): Promise<void> {
  for (const { attemptId, reference, amountRupiah } of world.transfers) {
    const attempt = await attemptById(world.db, attemptId);
    const isEntered = attempt?.transactionId === reference && attempt.receivedRupiah === amountRupiah;
    const outcome = attempt?.outcome ?? 'paid';
    const isKnown = isEntered
      ? outcome === 'paid' || exceptionOf(attemptId, outcome) !== undefined
      : exceptions.some((one) => one.attemptId === attemptId && one.subject.includes(reference));
    must(isKnown, () => `The transfer ${reference} of ${amountRupiah} IDR is entered nowhere.`);
  }
}

/** Each order has ended as its payment has, and its money adds up. */
async function checkOrders(world: World, { exceptions, refunds, exceptionOf }: Books): Promise<void> {
  for (const { orderId, state } of world.orders) {
    const paying = world.attempts.filter((one) => one.orderId === orderId && one.outcome === 'paid');
    must(paying.length <= 1, () => `${orderId} was paid by ${paying.map(({ id }) => id).join(' and ')}.`);
    const [by] = paying;
    const isOpen = exceptions.some((one) => one.attemptId === by?.id && one.state !== 'resolved');
    const back = refunds
      .filter((one) => one.attemptId === by?.id && one.state === 'succeeded')
      .reduce((sum, { amountRupiah }) => sum + amountRupiah, 0);
    const isTakenBack = by?.state === 'reversed' || by?.state === 'charged_back';
    const isRight =
      state === 'paid'
        ? by?.state === 'paid' && back < (by.receivedRupiah ?? 0)
        : state === 'shipped'
          ? by !== undefined
          : state === 'payment_hold'
            ? by !== undefined && isOpen
            : state === 'refunded'
              ? by !== undefined && back >= (by.receivedRupiah ?? 0)
              : state === 'cancelled'
                ? by === undefined || isTakenBack || exceptionOf(by.id, 'paid_after_cancel') !== undefined
                : (state === 'expired' || state === 'rejected') && by === undefined;
    must(
      isRight,
      () => `${orderId} ends as ${state}, and its payment is ${by?.state ?? 'none'}, ${back} IDR of it back.`,
    );
    await checkShipped(world, orderId, by);
    const { differences, sumRupiah } = await auditMoney(world.db, { orderId });
    must(differences.length === 0, () => `The money of ${orderId} differs: ${JSON.stringify(differences)}.`);
    must(sumRupiah === 0, () => `The money of ${orderId} sums to ${sumRupiah}.`);
  }
}

/** Nothing is sent while all that was paid for it is on its way back. */
async function checkShipped({ db }: World, orderId: string, by: PaymentAttempt | undefined): Promise<void> {
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
    (before?.rupiah ?? 0) < (by.receivedRupiah ?? 0),
    () => `${orderId} was shipped while ${before?.rupiah} IDR of it went back.`,
  );
}

/** The stock is what was sold, and its ledger says why. */
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
    () => `The stock is ${JSON.stringify(stock)}, and ${sold} are sold.`,
  );
}
