import { attemptById, foreignIds, paymentsBetween, recordFees, saveSettlementReport } from '@antrean/db';
import { compareSettlement, moneyMovement, type OnlineGateway, wibDayBounds } from '@antrean/domain';
import type { GatewayStatus, ListedPayment } from '@antrean/payments';
import type { JobPayload } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { checkEach } from '../payments/check-each.ts';
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
  const { found, notAnswered } =
    listed === undefined
      ? await checkEach(
          ours.map(({ attemptId }) => attemptId),
          (attemptId) => checkOne(deps, name, attemptId),
          NEXT_ROUND_MS,
        )
      : { found: listed, notAnswered: new Set<string>() };
  if (ours.length > 0 && notAnswered.size === ours.length)
    throw new PaymentNotReadyError(
      `${name} answered the status of none of ${ours.length} payments of ${day}.`,
    );
  const foreign = await foreignIds(
    deps.db,
    found.map(({ attemptId }) => attemptId),
    deps.gatewayIdPrefix,
  );
  const theirs = found.filter(({ currency, attemptId }) => currency === 'IDR' && !foreign.has(attemptId));
  const differences = compareSettlement(
    ours.map(({ receivedRupiah: amountRupiah, ...payment }) => ({ ...payment, amountRupiah })),
    theirs,
    notAnswered,
  );
  // Before the report is saved, as a saved report is not made again.
  await bookFees(deps, name, ours, theirs);
  const sum = (amounts: readonly number[]) => amounts.reduce((total, rupiah) => total + rupiah, 0);
  await saveSettlementReport(deps.db, {
    ...{ gateway: name, day, payments: ours.length, differences },
    oursRupiah: sum(ours.map(({ receivedRupiah }) => receivedRupiah)),
    theirsRupiah: sum(theirs.map(({ amountRupiah }) => amountRupiah)),
  });
  for (const difference of differences.filter(({ kind }) => kind !== 'not_answered'))
    deps.log.error(
      { gateway: name, day, ...difference },
      'settlement report: a payment differs between us and the gateway',
    );
  if (notAnswered.size > 0)
    deps.log.warn(
      { gateway: name, day, payments: notAnswered.size },
      'settlement report: the gateway did not answer about some payments; the report is made again within six hours',
    );
  deps.log.info(
    { gateway: name, day, payments: ours.length, differences: differences.length },
    'settlement report saved',
  );
}

/** The most tries of one status call that the rate limiter refuses. */
const MAX_TRIES = 30;
/** A breaker lets a call through every ten seconds. */
const NEXT_ROUND_MS = 11_000;

async function checkOne(
  deps: JobDependencies,
  name: OnlineGateway,
  attemptId: string,
): Promise<GatewayStatus | undefined> {
  const attempt = await attemptById(deps.db, attemptId);
  if (attempt === undefined) return undefined;
  for (let tries = 1; ; tries += 1) {
    const status = await gatewayOf(deps, name).status(paymentReferenceOf(attempt), 'routine');
    if (status.kind !== 'unknown' || status.code !== 'rate_limited' || tries === MAX_TRIES) return status;
  }
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
