interface CsvRow {
  /** The line of the file on which the row begins; the first is 1. */
  row: number;
  cells: string[];
}

const SEPARATORS = [',', ';', '\t'] as const;

/**
 * The rows of a CSV that are not empty, with trimmed cells. Reads what spreadsheets write: a byte order mark, a first
 * line `sep=;`, semicolons or tabs as separators, and quoted cells with separators, quotes or line ends.
 */
export function readCsv(csv: string): CsvRow[] {
  const text = csv.replace(/^\uFEFF/, '');
  const named = /^sep=(.)\r?\n/i.exec(text);
  const start = named?.[0].length ?? 0;
  const separator = named?.[1] ?? separatorOf(text);
  const rows: CsvRow[] = [];
  let line = named === null ? 1 : 2;
  let current: CsvRow = { row: line, cells: [] };
  let cell = '';
  let isQuoted = false;
  const endRow = () => {
    current.cells.push(cell.trim());
    if (current.cells.some((one) => one !== '')) rows.push(current);
    cell = '';
    line += 1;
    current = { row: line, cells: [] };
  };
  for (let at = start; at < text.length; at += 1) {
    const char = text[at] ?? '';
    if (isQuoted) {
      if (char === '"' && text[at + 1] === '"') {
        cell += char;
        at += 1;
      } else if (char === '"') {
        isQuoted = false;
      } else {
        if (char === '\n') line += 1;
        cell += char;
      }
    } else if (char === '"' && cell.trim() === '') {
      isQuoted = true;
    } else if (char === separator) {
      current.cells.push(cell.trim());
      cell = '';
    } else if (char === '\n') {
      endRow();
    } else {
      cell += char;
    }
  }
  endRow();
  return rows;
}

/** The separator that the first line has most often outside of quotes. */
function separatorOf(text: string): string {
  const head = (text.split('\n', 1)[0] ?? '').replaceAll(/"[^"]*"/g, '');
  const count = (separator: string) => head.split(separator).length;
  return SEPARATORS.toSorted((a, b) => count(b) - count(a))[0] ?? ',';
}
