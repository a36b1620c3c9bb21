/** The largest amount of one payment, refund, transfer or line of an export. The ledger holds far more. */
export const MAX_RUPIAH = 1_000_000_000_000;

/** An amount that was read exactly, or the reason why it was not. */
export type ReadRupiah =
  | { readonly kind: 'read'; readonly rupiah: number }
  | { readonly kind: 'refused'; readonly why: string };

const CURRENCY = /^Rp\.?\s?/i;
const PLAIN = /^(0|[1-9]\d*)$/;
/** Groups of three digits with dots, as Indonesia writes thousands; after a comma nothing but zeros. */
const INDONESIAN = /^(0|[1-9]\d{0,2}(?:\.\d{3})*)(?:,00)?$/;
/** As programs write an amount: 100000.0, 100000.00 or 100,000.00. */
const MACHINE = /^(0|[1-9]\d*|[1-9]\d{0,2}(?:,\d{3})+)\.00?$/;
/** Two groups or more cannot be a number with decimals. */
const ENGLISH_GROUPS = /^([1-9]\d{0,2}(?:,\d{3}){2,})$/;

/**
 * Reads an amount that a person typed: digits (10000), or Indonesian grouping (10.000, 10.000,00), with or without
 * `Rp` before it. Any other spelling is refused: 10,000 and 10.00 mean different amounts to different readers.
 */
export function readRupiah(text: string): ReadRupiah {
  return read(text, [PLAIN, INDONESIAN]);
}

/**
 * Reads an amount of a gateway's export, which a spreadsheet may have saved: the spellings of `readRupiah`, and those
 * of programs (100000.0, 100,000.00). An amount with a part of a rupiah is refused.
 */
export function readExportedRupiah(text: string): ReadRupiah {
  return read(text, [PLAIN, INDONESIAN, MACHINE, ENGLISH_GROUPS]);
}

function read(text: string, spellings: readonly RegExp[]): ReadRupiah {
  const amount = text.trim().replace(CURRENCY, '');
  const digits = spellings.map((spelling) => spelling.exec(amount)?.[1]).find((found) => found !== undefined);
  if (digits === undefined) {
    const why = `"${text.slice(0, 40)}" is not an amount in rupiah; write digits (10000), or thousands with dots (10.000)`;
    return { kind: 'refused', why };
  }
  const rupiah = Number(digits.replaceAll(/[.,]/g, ''));
  if (rupiah <= MAX_RUPIAH) return { kind: 'read', rupiah };
  return { kind: 'refused', why: `"${text.slice(0, 40)}" is more than ${MAX_RUPIAH} rupiah` };
}
