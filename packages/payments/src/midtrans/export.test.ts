import { expect, it } from 'vitest';
import { readMidtransExport } from './export.ts';

it('readMidtransExport reads the paid rows, with or without quoted cells', () => {
  const csv = [
    '"Order ID","Transaction status","Amount"',
    'a-1,settlement,"150,000.00"',
    '"a-""2""",Capture,50000.00',
    '',
    'a-3,expire,1000.00',
    'a-4,Partial Refund,2000',
  ].join('\r\n');
  expect(readMidtransExport(csv)).toEqual([
    { attemptId: 'a-1', amountRupiah: 150_000 },
    { attemptId: 'a-"2"', amountRupiah: 50_000 },
    { attemptId: 'a-4', amountRupiah: 2_000 },
  ]);
});

it('readMidtransExport names a missing column', () => {
  expect(readMidtransExport('Order ID,Amount\na-1,1')).toEqual({ missingColumn: 'status' });
  expect(readMidtransExport('')).toEqual({ missingColumn: '^order.?id$' });
});
