import { attemptById, foreignIds, paymentsBetween, recordFees, saveSettlementReport } from '@antrean/db';
import { compareSettlement, moneyMovement, type OnlineGateway, wibDayBounds } from '@antrean/domain';
import type { ListedPayment } from '@antrean/payments';
import type { JobPayload } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { gatewayOf, paymentReferenceOf, PaymentNotReadyError } from '../payments/gateway-calls.ts';

/**
 * Compares our payments of a day with the gateway's, and lists each difference. Payments of
 * another system on the gateway's account are no difference. A gateway without a list is asked
 * about each payment; its export can be compared with `./ops settlement`. Run twice, it replaces the earlier report.
 */
export async function settlementReport(
  deps: JobDependencies,
  { gateway: name, day }: JobPayload<'settlement-report'>,
): Promise<void> {
  const gateway = gatewayOf(deps, name);
  const bounds = wibDayBounds(day);
  const ours = await paymentsBetween(deps.db, { gateway: name, ...bounds });
  const listed = await gateway.listPaid(bounds);
  if (listed !== undefined && 'unknown' in listed)
    throw new PaymentNotReadyError(
      `${name} did not answer its list of payments of ${day} (${listed.unknown}).`,
    );
  const listedByGateway = listed ?? (await checkEach(deps, name, ours));
  const foreign = await foreignIds(
    deps.db,
    listedByGateway.map(({ attemptId }) => attemptId),
    deps.gatewayIdPrefix,
  );
  const theirs = listedByGateway.filter(
    ({ currency, attemptId }) => currency === 'IDR' && !foreign.has(attemptId),
  );
  const differences = compareSettlement(
    ours.map(({ receivedRupiah: amountRupiah, ...payment }) => ({ ...payment, amountRupiah })),
    theirs,
  );
  // Before the report is saved, as a saved report is not made again.
  await bookFees(deps, name, ours, theirs);
  const sum = (amounts: readonly number[]) => amounts.reduce((total, rupiah) => total + rupiah, 0);
  await saveSettlementReport(deps.db, {
    ...{ gateway: name, day, payments: ours.length, differences },
    oursRupiah: sum(ours.map(({ receivedRupiah }) => receivedRupiah)),
    theirsRupiah: sum(theirs.map(({ amountRupiah }) => amountRupiah)),
  });
  for (const difference of differences)
    deps.log.error(
      { gateway: name, day, ...difference },
      'settlement report: a payment differs between us and the gateway',
    );
  deps.log.info(
    { gateway: name, day, payments: ours.length, differences: differences.length },
    'settlement report saved',
  );
}

/** The most retries of one status call that the rate limiter refuses. */
const MAX_TRIES = 30;

const ANSWERS: ReadonlySet<string> = new Set([
  'wrong_order',
  'unknown_status',
  'bad_amount',
  'bad_transaction_id',
]);

/** The gateway's status of each of our payments. Payments that only the gateway has would need a list. */
async function checkEach(
  deps: JobDependencies,
  name: OnlineGateway,
  ours: readonly { attemptId: string }[],
): Promise<ListedPayment[]> {
  const found: ListedPayment[] = [];
  for (const { attemptId } of ours) {
    const attempt = await attemptById(deps.db, attemptId);
    if (attempt === undefined) continue;
    const ask = () => gatewayOf(deps, name).status(paymentReferenceOf(attempt), 'routine');
    let status = await ask();
    for (
      let tries = 1;
      status.kind === 'unknown' && status.code === 'rate_limited' && tries < MAX_TRIES;
      tries += 1
    )
      status = await ask();
    // An answer that is not about our payment is a difference.
    if (status.kind === 'unknown' && ANSWERS.has(status.code)) continue;
    if (status.kind === 'unknown')
      throw new PaymentNotReadyError(`${name} did not answer the status of ${attemptId} (${status.code}).`);
    if (status.kind === 'paid' || status.kind === 'returned') found.push({ ...status, attemptId });
  }
  return found;
}

/** Books fees that only the list reports, for payments that we have booked. */
async function bookFees(
  deps: JobDependencies,
  gateway: OnlineGateway,
  ours: readonly { attemptId: string; orderId: string }[],
  theirs: readonly ListedPayment[],
): Promise<void> {
  const orderIds = new Map(ours.map(({ attemptId, orderId }) => [attemptId, orderId]));
  const fees = theirs.flatMap(({ attemptId: reference, feeRupiah = 0 }) => {
    const orderId = orderIds.get(reference);
    if (orderId === undefined) return [];
    return moneyMovement('fee', feeRupiah, { orderId, gateway, reference, actor: gateway }) ?? [];
  });
  await recordFees(deps.db, fees);
}
