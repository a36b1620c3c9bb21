import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_RUPIAH, readExportedRupiah, readRupiah } from './rupiah.ts';

const rupiahOf = (text: string) => {
  const answer = readRupiah(text);
  return answer.kind === 'read' ? answer.rupiah : undefined;
};
const exportedRupiahOf = (text: string) => {
  const answer = readExportedRupiah(text);
  return answer.kind === 'read' ? answer.rupiah : undefined;
};
const amount = fc.integer({ min: 0, max: MAX_RUPIAH });
const dots = (rupiah: number) => rupiah.toLocaleString('id-ID');
const commas = (rupiah: number) => rupiah.toLocaleString('en-US');

describe('an amount that a person types', () => {
  it('is read in digits and with Indonesian grouping', () => {
    for (const [text, rupiah] of [
      ['10000', 10_000],
      ['10.000', 10_000],
      ['85.000,00', 85_000],
      ['1.234.567', 1_234_567],
      ['500,00', 500],
      ['0', 0],
      [' 10.000 ', 10_000],
      ['Rp10.000', 10_000],
      ['Rp 10.000,00', 10_000],
      ['rp. 10000', 10_000],
      ['1.000.000.000.000', MAX_RUPIAH],
    ] as const)
      expect(rupiahOf(text), text).toBe(rupiah);
  });

  it('is refused in every other spelling, with a reason that quotes it', () => {
    for (const text of [
      ...['1e4', '0x10', '0b1', '0o7', '10,000', '10.00', '10.0', '10,5', '1.5', '85.000,5', '85.000,50'],
      ...[
        '-5',
        '+5',
        '',
        ' ',
        '.',
        '1.00',
        '1.0000',
        '1000.000',
        '01.000',
        '0.000',
        '007',
        '10.000.',
        '.000',
        '10..000',
      ],
      ...[
        '10 000',
        '10_000',
        '10.000,0',
        '10.000,000',
        'ten',
        'all',
        'Rp',
        'Rp-5',
        'RpRp5',
        'IDR 5',
        '１０',
        '٣',
      ],
      ...['Infinity', 'NaN', '5%', '10.000\n10.000', '1000000000001', '9'.repeat(400)],
    ])
      expect(readRupiah(text), text).toMatchObject({
        ...{ kind: 'refused', why: expect.stringContaining(`"${text.slice(0, 40)}"`) },
      });
  });

  it('is read back exactly from each accepted spelling of any amount', () => {
    fc.assert(
      fc.property(amount, (rupiah) => {
        for (const text of [`${rupiah}`, dots(rupiah), `${dots(rupiah)},00`, `Rp ${dots(rupiah)}`])
          expect(rupiahOf(text), text).toBe(rupiah);
      }),
    );
  });

  it('is never another number than its digits: any text is read exactly or refused', () => {
    const spelling = fc.string({
      unit: fc.constantFrom(...Array.from('0123456789.,-+eExRp ')),
      maxLength: 12,
    });
    fc.assert(
      fc.property(spelling, (text) => {
        const rupiah = rupiahOf(text);
        if (rupiah === undefined) return;
        const bare = text.trim().replace(/^rp\.?\s?/i, '');
        expect([`${rupiah}`, `${rupiah},00`, dots(rupiah), `${dots(rupiah)},00`]).toContain(bare);
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('an amount of an export', () => {
  it('is read in the spellings of people and of programs', () => {
    for (const text of [
      ...['100000', '100.000', '100.000,00', 'Rp100.000', 'Rp 100.000,00'],
      ...['100000.0', '100000.00', '100,000.00'],
    ])
      expect(exportedRupiahOf(text), text).toBe(100_000);
    expect(exportedRupiahOf('1,234,567')).toBe(1_234_567);
  });

  it('is refused with a part of a rupiah, in scientific notation, and where its separator is ambiguous', () => {
    for (const text of [
      ...[
        '100000.5',
        '100000.50',
        '100.000,50',
        '1E+05',
        '1,00E+05',
        '100,000',
        '100000,0',
        '',
        '-100000',
        '#####',
      ],
      ...['100.000.00', '100,00.00', '12.34', '(100000)'],
    ])
      expect(exportedRupiahOf(text), text).toBeUndefined();
  });

  it('is read back exactly from each spelling of any amount', () => {
    fc.assert(
      fc.property(amount, (rupiah) => {
        const spellings = [`${rupiah}`, `${rupiah}.0`, `${rupiah}.00`, dots(rupiah), `${dots(rupiah)},00`];
        for (const text of [...spellings, `${commas(rupiah)}.00`])
          expect(exportedRupiahOf(text), text).toBe(rupiah);
      }),
    );
  });
});
