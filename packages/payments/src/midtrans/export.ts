import { readExportedRupiah } from '@antrean/domain';
import type { ExportedPayment, ReadExport } from '../definition.ts';
import { readCsv } from '../read-csv.ts';

const COLUMNS = {
  id: { title: 'Order ID', name: /^order.?id$/i },
  status: { title: 'Transaction status', name: /status/i },
  amount: { title: 'Amount', name: /^(gross.?)?amount$/i },
} as const;
const SUCCESS = /^(settlement|capture|refund|partial[ _]refund)$/i;

/**
 * The paid rows of a CSV with the columns Order ID, Transaction status and Amount, as the dashboard writes it or as a
 * spreadsheet has saved it.
 */
export function readMidtransExport(csv: string): ReadExport {
  const [head = { cells: [] }, ...rows] = readCsv(csv);
  const missing = Object.values(COLUMNS).find(({ name }) => !head.cells.some((title) => name.test(title)));
  if (missing !== undefined) return { missingColumn: missing.title };
  const cellOf = (cells: readonly string[], { name }: { name: RegExp }) =>
    cells[head.cells.findIndex((title) => name.test(title))] ?? '';
  const payments: ExportedPayment[] = [];
  const unreadable: { row: number; why: string }[] = [];
  for (const { row, cells } of rows) {
    if (!SUCCESS.test(cellOf(cells, COLUMNS.status))) continue;
    const attemptId = cellOf(cells, COLUMNS.id);
    const amount = readExportedRupiah(cellOf(cells, COLUMNS.amount));
    // An amount with a decimal comma that is not quoted makes two cells.
    if (cells.slice(head.cells.length).some((cell) => cell !== ''))
      unreadable.push({ row, why: 'it has more cells than the head' });
    else if (attemptId === '') unreadable.push({ row, why: 'the order id is empty' });
    else if (amount.kind === 'refused') unreadable.push({ row, why: amount.why });
    else payments.push({ attemptId, amountRupiah: amount.rupiah });
  }
  return unreadable.length > 0 ? { unreadable } : payments;
}
