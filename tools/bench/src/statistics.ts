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

/** The ratio of two series, divided within each round, as the noise of a round affects both alike. */
export function ratioFigure(of: readonly number[], to: readonly number[]): Figure {
  return figure(of.map((value, round) => value / (to[round] ?? Number.NaN)));
}

/** The smallest value that is at least as large as the share `p` of all. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(Math.ceil(sorted.length * p) - 1, 0)] ?? 0;
}

export interface Trend {
  /** The slope of the least-squares line, in y for a unit of x. */
  slope: number;
  /** The bounds of the slope's 95 % confidence interval. */
  low: number;
  high: number;
}

/** Student's t for 95 %, by degrees of freedom from 1; about 2 for more. */
const STUDENT_T = [12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.2, 2.18, 2.16, 2.14, 2.13];

/** Undefined for fewer than three points. */
export function trend(points: readonly { x: number; y: number }[]): Trend | undefined {
  const n = points.length;
  if (n < 3) return undefined;
  const mean = (of: (point: { x: number; y: number }) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / n;
  const [meanX, meanY] = [mean(({ x }) => x), mean(({ y }) => y)];
  const squaresOfX = points.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0);
  const slope = points.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0) / squaresOfX;
  const residuals = points.reduce((sum, { x, y }) => sum + (y - meanY - slope * (x - meanX)) ** 2, 0);
  const within = (STUDENT_T[n - 3] ?? 2.1) * Math.sqrt(residuals / (n - 2) / squaresOfX);
  return { slope, low: slope - within, high: slope + within };
}

export const rounded = (value: number, digits = 3): number => Number(value.toFixed(digits));

/** A line of a summary: a name, the median, and the spread of the rounds. */
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
