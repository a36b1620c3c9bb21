import type { ExportedPayment } from '../definition.ts';

const COLUMNS = { id: /^order.?id$/i, status: /status/i, amount: /^(gross.?)?amount$/i };
const SUCCESS = /^(settlement|capture|refund|partial[ _]refund)$/i;

/** The paid rows of a CSV with the columns Order ID, Transaction status and Amount. */
export function readMidtransExport(csv: string): ExportedPayment[] | { missingColumn: string } {
  const [head = [], ...rows] = csv
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '')
    .map((line) => [...line.matchAll(/("([^"]|"")*"|[^,]*)(,|$)/g)].map(([, cell = '']) => unquoted(cell)));
  const missing = Object.values(COLUMNS).find((name) => !head.some((title) => name.test(title)));
  if (missing !== undefined) return { missingColumn: missing.source };
  const cellOf = (cells: string[], name: RegExp) => cells[head.findIndex((title) => name.test(title))] ?? '';
  return rows
    .filter((cells) => SUCCESS.test(cellOf(cells, COLUMNS.status)))
    .map((cells) => ({
      attemptId: cellOf(cells, COLUMNS.id),
      amountRupiah: Number(
        cellOf(cells, COLUMNS.amount)
          .replace(/\.00$/, '')
          .replaceAll(/[^0-9]/g, ''),
      ),
    }));
}

const unquoted = (cell: string): string =>
  cell
    .trim()
    .replace(/^"(.*)"$/s, '$1')
    .replaceAll('""', '"');
