/** An invariant of the model is broken. */
export class ViolationError extends Error {
  readonly code = 'violation';
}

export function must(isSo: boolean, otherwise: () => string): void {
  if (!isSo) throw new ViolationError(otherwise());
}
