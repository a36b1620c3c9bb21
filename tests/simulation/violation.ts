/** A promise of ours was broken. */
export class ViolationError extends Error {
  readonly code = 'violation';
}

export function must(isSo: boolean, otherwise: () => string): void {
  if (!isSo) throw new ViolationError(otherwise());
}
