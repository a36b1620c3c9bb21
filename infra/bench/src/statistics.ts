export interface Figure {
  median: number;
  min: number;
  max: number;
}

export function figure(values: readonly number[]): Figure {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const low = sorted[Math.ceil(middle) - 1] ?? 0;
  const high = sorted[Math.floor(middle)] ?? low;
  return { median: (low + high) / 2, min: sorted[0] ?? 0, max: sorted.at(-1) ?? 0 };
}

/** Of values measured by turns: divided within each round, as a round's noise hits both alike. */
export function ratioFigure(of: readonly number[], to: readonly number[]): Figure {
  return figure(of.map((value, round) => value / (to[round] ?? Number.NaN)));
}

/** The smallest value that is not below the share `p` of all. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(Math.ceil(sorted.length * p) - 1, 0)] ?? 0;
}

export const rounded = (value: number, digits = 3): number => Number(value.toFixed(digits));

/** One line of a summary: a name, the median, and the spread of the rounds. */
export function line(name: string, { median, min, max }: Figure, unit: string, digits = 0): string {
  const text = (value: number) => value.toFixed(digits);
  return `${name.padEnd(36)} ${text(median).padStart(9)} ${unit}  (${text(min)} to ${text(max)})`;
}

export function summed(of: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const each of of) {
    for (const [name, value] of Object.entries(each)) sums[name] = (sums[name] ?? 0) + value;
  }
  return sums;
}
