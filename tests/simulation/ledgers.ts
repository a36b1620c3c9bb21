// The gateways' own records, beside our money ledger and our payment exceptions: attempt by attempt, in both directions.
import type { Database, Kysely } from '@antrean/db';
import type { PaymentExceptionKind } from '@antrean/domain';
import { type LedgerPayment, standingRupiah } from './gateways.ts';
import { must } from './violation.ts';
import type { World } from './world.ts';

export interface ExceptionRow {
  id: number;
  kind: PaymentExceptionKind;
  state: string;
  attemptId: string | null;
  amountRupiah: number | null;
  subject: string;
  openedAt: Date;
  resolvedAt: Date | null;
  resolvedBy: string | null;
}

export interface Ledger {
  exceptions: readonly ExceptionRow[];
  /** The refunds of an exception's money. */
  refunds: readonly { exceptionId: number | null; createdAt: Date }[];
  /** What our ledger has at the account of an attempt's gateway, by attempt. */
  bookedAt: (attemptId: string) => number;
  /** What our ledger says came for an attempt. */
  receivedAt: (attemptId: string) => number;
}

export async function readLedger(
  db: Kysely<Database>,
  orderIds: readonly string[],
  exceptions: readonly ExceptionRow[],
): Promise<Ledger> {
  const movements = await db
    .selectFrom('moneyMovements')
    .select(['kind', 'debit', 'credit', 'amountRupiah', 'reference'])
    .where('orderId', 'in', orderIds)
    .where('kind', '<>', 'fee')
    .execute();
  const attempts = await db
    .selectFrom('paymentAttempts')
    .select(['id', 'gateway'])
    .where('orderId', 'in', orderIds)
    .execute();
  const refunds = await db
    .selectFrom('refunds')
    .select(['id', 'attemptId', 'exceptionId', 'createdAt'])
    .where('attemptId', 'in', [...attempts.map(({ id }) => id), ''])
    .execute();
  const attemptOf = new Map(refunds.map(({ id, attemptId }) => [id, attemptId]));
  const booked = new Map<string, number>();
  const received = new Map<string, number>();
  for (const { kind, debit, credit, amountRupiah, reference } of movements) {
    // A reference names an attempt, a round or a further line of it, or a refund.
    const id = attemptOf.get(reference) ?? reference.split(/[/ ]/)[0] ?? '';
    const gateway = attempts.find((one) => one.id === id)?.gateway;
    if (gateway === undefined) continue;
    const account: string = gateway === 'bank_transfer' ? 'bank' : gateway;
    const rupiah = (debit === account ? amountRupiah : 0) - (credit === account ? amountRupiah : 0);
    booked.set(id, (booked.get(id) ?? 0) + rupiah);
    if (kind === 'payment') received.set(id, (received.get(id) ?? 0) + rupiah);
  }
  return {
    exceptions,
    refunds,
    bookedAt: (attemptId) => booked.get(attemptId) ?? 0,
    receivedAt: (attemptId) => received.get(attemptId) ?? 0,
  };
}

const FAR = new Date(8.64e15);

/** Exceptions of these kinds name money that a gateway has or has given back, and that our ledger does not have. */
const NAMES_UNBOOKED: ReadonlySet<PaymentExceptionKind> = new Set([
  ...(['unconfirmed_payment', 'second_payment', 'wrong_amount', 'paid_back_twice'] as const),
]);

/**
 * Every rupiah at a gateway is in our ledger, at the attempt for which it came, or an exception of that attempt names it. And
 * our ledger has no rupiah that the gateway does not have.
 */
export function checkLedgers(world: World, { exceptions, bookedAt }: Ledger): void {
  const byAttempt = Map.groupBy(world.ledger(), ({ attemptId }) => attemptId);
  for (const { id } of world.attempts.filter(({ gateway }) => gateway !== 'bank_transfer')) {
    const payments = (byAttempt.get(id) ?? []).filter((payment) => world.isKnowable(payment));
    const thereRupiah = payments.reduce((sum, payment) => sum + standingRupiah(payment), 0);
    const hereRupiah = bookedAt(id);
    if (thereRupiah === hereRupiah) continue;
    const named = exceptions.filter(({ attemptId, kind }) => attemptId === id && NAMES_UNBOOKED.has(kind));
    const namedRupiah = named.reduce((sum, { amountRupiah }) => sum + (amountRupiah ?? 0), 0);
    must(
      Math.abs(thereRupiah - hereRupiah) === namedRupiah,
      () =>
        `${thereRupiah} IDR of ${id} are at the gateway, ${hereRupiah} in our ledger, and exceptions name ${namedRupiah}.`,
    );
  }
}

/** An order is charged once, or each further charge is an exception of its attempt that names its amount. */
export function checkCharges(world: World, { exceptions }: Ledger): void {
  for (const { orderId } of world.orders) {
    const ids = world.attempts.filter((one) => one.orderId === orderId);
    const charges = world
      .ledger()
      .filter((payment) => ids.some(({ id }) => id === payment.attemptId) && world.isKnowable(payment))
      .filter(isCharge);
    const pays = ids.find(({ outcome }) => outcome === 'paid');
    const isNamed = ({ attemptId, amountRupiah }: LedgerPayment) =>
      exceptions.some((one) => one.attemptId === attemptId && one.amountRupiah === amountRupiah);
    const others = charges.filter(
      ({ attemptId, transactionId }) => pays?.id !== attemptId || pays.transactionId !== transactionId,
    );
    const [unnamed] = others.filter((payment) => !isNamed(payment));
    must(
      unnamed === undefined,
      () =>
        `${orderId} was charged by ${charges.length} payments, and no exception names ${unnamed?.transactionId}.`,
    );
  }
}

/** Exceptions of these kinds say that the customer may have paid already. */
const MAY_HAVE_PAID: ReadonlySet<PaymentExceptionKind> = new Set(['unconfirmed_payment', 'wrong_amount']);

/** No order got another payment while an exception said that its customer may have paid, unless that money goes back. */
export function checkNoSecondLink({ attempts }: World, { exceptions, refunds }: Ledger): void {
  for (const { id, orderId, createdAt } of attempts) {
    const doubt = exceptions.find(
      (one) =>
        MAY_HAVE_PAID.has(one.kind) &&
        attempts.find((other) => other.id === one.attemptId)?.orderId === orderId &&
        one.openedAt < createdAt &&
        (one.resolvedAt ?? FAR) > createdAt &&
        !refunds.some((refund) => refund.exceptionId === one.id && refund.createdAt <= createdAt),
    );
    must(doubt === undefined, () => `${id} was made while an exception said ${doubt?.kind}.`);
  }
}

/** The customer's money left, and did not come back by the bank itself. */
const isCharge = ({ isReversed, isChargedBack }: LedgerPayment): boolean => !isReversed && !isChargedBack;
