export interface BenchOptions {
  orders: number;
  rounds: number;
  /** Progress, for a person. */
  say: (line: string) => void;
}
