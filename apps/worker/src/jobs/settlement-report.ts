import { attemptById, paymentsBetween, recordFees, saveSettlementReport } from '@antrean/db';
import { compareSettlement, moneyMovement, type OnlineGateway, wibDayBounds } from '@antrean/domain';
import type { ListedPayment } from '@antrean/payments';
import type { JobPayload } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { gatewayOf, paymentReferenceOf, PaymentNotReadyError } from '../payments/gateway-calls.ts';

/**
 * Compares what we have entered as paid on a day with what the gateway says, and names each difference. A gateway without
 * a list is asked about each payment; its export can be compared with `./ops settlement`. Run twice, it
 * takes the place of the report before.
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
    throw new PaymentNotReadyError(`${name} does not list its payments of ${day} (${listed.unknown}).`);
  const asked = listed ?? (await askEach(deps, name, ours));
  const theirs = asked.filter(({ currency }) => currency === 'IDR');
  const differences = compareSettlement(
    ours.map(({ attemptId, receivedRupiah }) => ({ attemptId, amountRupiah: receivedRupiah })),
    theirs,
  );
  // Before the report, which is not made again once it is there.
  await enterFees(deps, name, ours, theirs);
  const sum = (amounts: readonly number[]) => amounts.reduce((total, rupiah) => total + rupiah, 0);
  await saveSettlementReport(deps.db, {
    ...{ gateway: name, day, payments: ours.length, differences },
    oursRupiah: sum(ours.map(({ receivedRupiah }) => receivedRupiah)),
    theirsRupiah: sum(theirs.map(({ amountRupiah }) => amountRupiah)),
  });
  for (const difference of differences)
    deps.log.error({ gateway: name, day, ...difference }, 'settlement differs');
  deps.log.info(
    { gateway: name, day, payments: ours.length, differences: differences.length },
    'settlement report',
  );
}

/** How often one question is asked again while it is not our turn. */
const MAX_TURNS = 30;

const ANSWERS: ReadonlySet<string> = new Set([
  'wrong_order',
  'unknown_status',
  'bad_amount',
  'bad_transaction_id',
]);

/** What the gateway says of each payment of ours. What it has and we have not, only a list would tell. */
async function askEach(
  deps: JobDependencies,
  name: OnlineGateway,
  ours: readonly { attemptId: string }[],
): Promise<ListedPayment[]> {
  const found: ListedPayment[] = [];
  for (const { attemptId } of ours) {
    const attempt = await attemptById(deps.db, attemptId);
    if (attempt === undefined) continue;
    const ask = () => gatewayOf(deps, name).status(paymentReferenceOf(attempt), 'routine');
    let truth = await ask();
    for (
      let turn = 1;
      truth.kind === 'unknown' && truth.code === 'rate_limited' && turn < MAX_TURNS;
      turn += 1
    )
      truth = await ask();
    // What is an answer, and not of a payment of ours, is a difference.
    if (truth.kind === 'unknown' && ANSWERS.has(truth.code)) continue;
    if (truth.kind === 'unknown')
      throw new PaymentNotReadyError(`${name} does not say what became of ${attemptId} (${truth.code}).`);
    if (truth.kind === 'paid' || truth.kind === 'returned') found.push({ ...truth, attemptId });
  }
  return found;
}

/** Fees that only the list tells, of payments that we have entered. */
async function enterFees(
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
