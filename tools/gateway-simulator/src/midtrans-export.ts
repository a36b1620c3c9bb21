import { methodOf } from './midtrans-methods.ts';
import type { Transaction } from './midtrans-transactions.ts';
import { wib } from './wire.ts';

const header =
  'Order ID,Transaction ID,Channel,Transaction status,Amount,Fee,Transaction time,Settlement time';

function feeRupiah(t: Transaction): number {
  if (t.settledAt === undefined) return 0;
  const { fee } = methodOf(t.method);
  return 'rupiah' in fee ? fee.rupiah : Math.round((t.amountRupiah * fee.percent) / 100);
}

/** The transactions that began on a day (YYYY-MM-DD in WIB), in the dashboard's export format. No field needs quotes. */
export function exportTransactions(transactions: Iterable<Transaction>, day: string): string {
  const rows = [...transactions]
    .filter((t) => wib(t.createdAt).startsWith(day))
    .map((t) =>
      [
        t.orderId,
        t.id,
        t.method,
        t.state,
        t.amountRupiah,
        feeRupiah(t),
        wib(t.createdAt),
        t.settledAt ? wib(t.settledAt) : '',
      ].join(','),
    );
  return `${[header, ...rows].join('\n')}\n`;
}
