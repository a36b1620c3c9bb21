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
  expect(readMidtransExport('Order ID,Amount\na-1,1')).toEqual({ missingColumn: 'Transaction status' });
  expect(readMidtransExport('')).toEqual({ missingColumn: 'Order ID' });
});

const paid = (amount: string, separator = ',') =>
  ['Order ID', 'Transaction status', 'Amount'].join(separator) +
  `\na-1${separator}settlement${separator}${amount}`;

it('readMidtransExport reads the amounts that a spreadsheet saves, exactly', () => {
  for (const csv of [
    ...[paid('100000'), paid('100000.0'), paid('"100.000,00"'), paid('"Rp100.000"'), paid('"100,000.00"')],
    ...[paid('Rp 100.000,00', ';'), paid('100.000,00', '\t'), `\uFEFF${paid('100000.00')}\r\n\r\n`],
    ...[`sep=;\r\n${paid('100000', ';')}`, paid('100000').replace('Order ID', '"Order ID"')],
  ])
    expect(readMidtransExport(csv), csv).toEqual([{ attemptId: 'a-1', amountRupiah: 100_000 }]);
});

it('readMidtransExport refuses the whole export by row where an amount cannot be read exactly', () => {
  for (const amount of ['1E+05', '"100.000,50"', '100.000,50', '100,000.00', '#####', '', '-5'])
    expect(readMidtransExport(`${paid(amount)}\na-2,settlement,5`), amount).toMatchObject({
      unreadable: [{ row: 2, why: expect.stringMatching(/is not an amount|more cells than the head/) }],
    });
  expect(readMidtransExport(`${paid('5')}\n"a\n3",settlement,x\n,settlement,5`)).toMatchObject({
    unreadable: [{ row: 3 }, { row: 5, why: 'the order id is empty' }],
  });
});
