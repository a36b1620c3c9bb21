import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  attemptById,
  attemptsOfOrders,
  auditMoney,
  paymentExceptionsById,
  attemptOfTransferLine,
  movePaymentExceptions,
  openTransfers,
  paymentsBetween,
  refundById,
  openPaymentExceptions,
  settlementReportOf,
  unresolvedPaymentExceptions,
} from '@antrean/db';
import {
  compareSettlement,
  ONLINE_GATEWAYS,
  type OnlineGateway,
  wibDay,
  wibDayBounds,
} from '@antrean/domain';
import { GATEWAYS } from '@antrean/payments';
import { z } from 'zod';
import { checked, type Command, Refused, text } from './command.ts';

const SHOWN = 100;
const rupiah = z.coerce.number().int().positive().max(1_000_000_000_000);
const words = text(200);

export const listTransfers: Command = async ({ db }) => console.table(await openTransfers(db, SHOWN));

export const confirmTransfer: Command = async ({ db, add, operator }, args) => {
  const [attemptId, amountRupiah, bankReference] = args;
  const line = z.object({ attemptId: words, amountRupiah: rupiah, bankReference: words });
  const asked = checked(line, 'The transfer', { attemptId, amountRupiah, bankReference });
  const attempt = await attemptById(db, asked.attemptId);
  if (attempt?.gateway !== 'bank_transfer')
    throw new Refused(`There is no bank transfer ${asked.attemptId}.`);
  const entered = await attemptOfTransferLine(db, asked.bankReference);
  if (entered !== undefined) throw new Refused(`Line ${asked.bankReference} was entered for ${entered}.`);
  const payload = { ...asked, requestId: randomUUID(), requestedBy: operator };
  await add('confirm-transfer', payload, `confirm-transfer-${randomUUID()}`);
  const differs =
    asked.amountRupiah === attempt.amountRupiah ? '' : ` (${attempt.amountRupiah} were asked for)`;
  console.log(`${asked.amountRupiah}${differs} are queued to be entered for ${attempt.id}.`);
};

export const rejectTransfer: Command = async ({ db, add, operator }, args) => {
  const [attemptId, reason] = args;
  const asked = checked(z.object({ attemptId: words, reason: words }), 'The rejection', {
    attemptId,
    reason,
  });
  const attempt = await attemptById(db, asked.attemptId);
  if (attempt?.gateway !== 'bank_transfer' || attempt.state !== 'active')
    throw new Refused(`No bank transfer ${asked.attemptId} is awaited.`);
  const payload = { ...asked, requestId: randomUUID(), requestedBy: operator };
  await add('reject-transfer', payload, `reject-transfer-${randomUUID()}`);
  console.log(`${attempt.id} is queued to be rejected; its order ends when its time to pay is over.`);
};

export const listExceptions: Command = async ({ db }) =>
  console.table(await unresolvedPaymentExceptions(db, SHOWN));

export const resolveException: Command = async ({ db, operator }, [id, resolution]) => {
  const asked = checked(z.object({ id: z.coerce.number().int().positive(), resolution: words }), 'The case', {
    id,
    resolution,
  });
  const [found] = await paymentExceptionsById(db, [asked.id]);
  if (found?.state === 'refunding') throw new Refused(`A refund for case ${asked.id} is under way.`);
  if (found?.state === 'manual_payout')
    throw new Refused(`Case ${asked.id} waits for a payout; enter it with paid-out.`);
  const moved = await movePaymentExceptions(db, [{ ...asked, to: 'resolved', actor: operator }]);
  if (moved === 0) throw new Refused(`There is no case ${asked.id} that waits to be resolved.`);
  console.log(`Case ${asked.id} is resolved.`);
};

/** ORDER or ATTEMPT, AMOUNT or "all", REASON, [CASE]. */
export const refund: Command = async ({ db, add, operator }, [which = '', amount, reason, exceptionId]) => {
  const attempt = await paidAttempt(db, which);
  const left = (attempt.receivedRupiah ?? 0) - attempt.returnedRupiah;
  const asked = checked(
    z.object({
      amountRupiah: rupiah,
      reason: words,
      exceptionId: z.coerce.number().int().positive().nullable(),
    }),
    'The refund',
    { amountRupiah: amount === 'all' ? left : amount, reason, exceptionId: exceptionId ?? null },
  );
  if (asked.amountRupiah > left) throw new Refused(`At most ${left} of ${attempt.id} can go back.`);
  const refundId = `rf-${attempt.id}-${randomBytes(2).toString('hex')}`;
  const payload = { ...asked, refundId, attemptId: attempt.id, requestedBy: operator };
  await add('request-refund', payload, `request-refund-${refundId}`);
  console.log(`${asked.amountRupiah} of ${attempt.id} are queued to go back as ${refundId}.`);
};

async function paidAttempt(db: Parameters<typeof attemptById>[0], which: string) {
  const isOrder = z.uuid().safeParse(which).success;
  const attempt = isOrder
    ? (await attemptsOfOrders(db, [which])).find(({ outcome }) => outcome === 'paid')
    : await attemptById(db, which);
  if (attempt?.state !== 'paid') throw new Refused(`There is no payment ${which} that could go back.`);
  return attempt;
}

export const recordPayout: Command = async ({ db, add, operator }, [refundId, reference]) => {
  const asked = checked(z.object({ refundId: words, reference: words }), 'The payout', {
    refundId,
    reference,
  });
  const found = await refundById(db, asked.refundId);
  if (found === undefined || !['manual_payout', 'refused'].includes(found.state))
    throw new Refused(
      `Refund ${asked.refundId} waits for no payout by hand (${found?.state ?? 'not there'}).`,
    );
  await add('record-payout', { ...asked, requestedBy: operator }, `record-payout-${randomUUID()}`);
  console.log(`The payout of ${found.amountRupiah} for ${found.id} is queued to be entered.`);
};

export const releaseOrder: Command = async ({ add, operator }, [orderId, reason]) => {
  const asked = checked(z.object({ orderId: z.uuid(), reason: words }), 'The order', { orderId, reason });
  await add('release-order', { ...asked, requestedBy: operator }, `release-order-${randomUUID()}`);
  console.log(`${asked.orderId} is queued to go to fulfilment, if its money is there.`);
};

export const voidOrder: Command = async ({ add, operator }, [orderId, reason]) => {
  const asked = checked(z.object({ orderId: z.uuid(), reason: words }), 'The order', { orderId, reason });
  await add('void-order', { ...asked, requestedBy: operator }, `void-order-${randomUUID()}`);
  console.log(`${asked.orderId} is queued to be ended, if its money was taken back.`);
};

/** Money on the bank's statement that belongs to no transfer that is known. */
export const strayTransfer: Command = async ({ db, operator }, [amount, line, note]) => {
  const asked = checked(z.object({ amountRupiah: rupiah, line: words, note: words }), 'The transfer', {
    ...{ amountRupiah: amount, line, note },
  });
  const { amountRupiah } = asked;
  const detail = `${amountRupiah} IDR came to the bank as ${asked.line}, said ${operator}: ${asked.note}.`;
  const stray = { kind: 'unknown_order', orderId: null, attemptId: null, gateway: 'bank_transfer' } as const;
  const opened = await openPaymentExceptions(db, [
    { ...stray, subject: `line ${asked.line}`, amountRupiah, detail },
  ]);
  console.log(
    opened.length === 0 ? `Line ${asked.line} has its case.` : `A case is open for line ${asked.line}.`,
  );
};

export const money: Command = async ({ db }, [orderId]) => {
  const asked = checked(z.uuid().optional(), 'The order', orderId);
  const { differences, sumRupiah } = await auditMoney(db, asked === undefined ? {} : { orderId: asked });
  console.table(differences);
  console.log(`The ledger sums to ${sumRupiah}; ${differences.length} orders do not add up.`);
  if (differences.length > 0 || sumRupiah !== 0) process.exitCode = 1;
};

/**
 * GATEWAY [DAY] [FILE]: the report of a day (yesterday's). With the gateway's own export of transactions, our payments are
 * compared with that file.
 */
export const settlement: Command = async ({ db }, [gateway = '', day, file]) => {
  const asked = checked(z.object({ gateway: z.enum(ONLINE_GATEWAYS), day: z.iso.date() }), 'The report', {
    gateway,
    day: day ?? wibDay(new Date(Date.now() - 24 * 3_600_000)),
  });
  if (file !== undefined) {
    const bounds = wibDayBounds(asked.day);
    const ours = await paymentsBetween(db, { gateway: asked.gateway, ...bounds });
    const differences = compareSettlement(
      ours.map(({ attemptId, receivedRupiah: amountRupiah }) => ({ attemptId, amountRupiah })),
      paidRows(asked.gateway, file),
    );
    console.table(differences);
    console.log(`${ours.length} payments of ours; ${differences.length} differences.`);
    if (differences.length > 0) process.exitCode = 1;
    return;
  }
  const report = await settlementReportOf(db, asked.gateway, asked.day);
  if (report === undefined) throw new Refused(`There is no report of ${asked.gateway} for ${asked.day} yet.`);
  console.table(report.differences);
  const { payments, oursRupiah, theirsRupiah } = report;
  console.log(`${payments} payments; ours ${oursRupiah}, theirs ${theirsRupiah}.`);
};

/** The paid rows of the gateway's own export of transactions. */
function paidRows(gateway: OnlineGateway, file: string) {
  const { readExport } = GATEWAYS[gateway];
  if (readExport === undefined) throw new Refused(`No export of ${gateway} can be read.`);
  let csv: string;
  try {
    csv = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Refused(`${file} cannot be read (${String(error)}).`);
  }
  const paid = readExport(csv);
  if ('missingColumn' in paid) throw new Refused(`${file} has no column like ${paid.missingColumn}.`);
  return paid;
}
