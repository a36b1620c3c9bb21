/** A payment in one of the two compared lists. */
interface Entry {
  attemptId: string;
  amountRupiah: number;
}

export interface Difference {
  /** not_answered: the gateway did not answer about this payment. */
  kind: 'missing_at_gateway' | 'missing_with_us' | 'other_amount' | 'not_answered';
  attemptId: string;
  oursRupiah: number | null;
  theirsRupiah: number | null;
}

/** A payment of ours. `wentBack`: all of it was taken back or refunded, so the gateway may list it no more. */
interface OurEntry extends Entry {
  wentBack?: boolean;
}

/**
 * Payments that only one list has, or that have different amounts. Of those in `notAnswered` the gateway's amount is not
 * known.
 */
export function compareSettlement(
  ours: readonly OurEntry[],
  theirs: readonly Entry[],
  notAnswered: ReadonlySet<string> = new Set(),
): Difference[] {
  const wentBack = new Set(ours.flatMap((entry) => (entry.wentBack === true ? [entry.attemptId] : [])));
  const sums = (entries: readonly Entry[]) => {
    const map = new Map<string, number>();
    for (const { attemptId, amountRupiah } of entries)
      map.set(attemptId, (map.get(attemptId) ?? 0) + amountRupiah);
    return map;
  };
  const [we, they] = [sums(ours), sums(theirs)];
  return [...new Set([...we.keys(), ...they.keys()])].toSorted().flatMap((attemptId): Difference[] => {
    const oursRupiah = we.get(attemptId) ?? null;
    const theirsRupiah = they.get(attemptId) ?? null;
    if (notAnswered.has(attemptId)) return [{ kind: 'not_answered', attemptId, oursRupiah, theirsRupiah }];
    if (oursRupiah === theirsRupiah) return [];
    if (theirsRupiah === null && wentBack.has(attemptId)) return [];
    const kind =
      oursRupiah === null ? 'missing_with_us' : theirsRupiah === null ? 'missing_at_gateway' : 'other_amount';
    return [{ kind, attemptId, oursRupiah, theirsRupiah }];
  });
}

const WIB_MS = 7 * 3_600_000;

/** The day in Western Indonesia Time (YYYY-MM-DD), which gateways and their reports use. */
export function wibDay(at: Date): string {
  return new Date(at.getTime() + WIB_MS).toISOString().slice(0, 10);
}

/** The start of that day, and the start of the next. */
export function wibDayBounds(day: string): { from: Date; to: Date } {
  const from = new Date(`${day}T00:00:00+07:00`);
  return { from, to: new Date(from.getTime() + 24 * 3_600_000) };
}
