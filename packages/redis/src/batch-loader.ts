/** After that time the next call starts even while another one is in progress, so that a slow call does not delay it. */
const WAIT_AT_MOST_MS = 5;

/** More inputs are sent in several calls: while Redis works on the first, the client prepares or parses others. */
const MOST_AT_ONCE = 64;

/**
 * Joins concurrent inputs into one call of `run`, which returns results in their order. Inputs that arrive during a call go
 * into the next one, so that many requests share one wait for the disk. A failed call rejects all its inputs.
 */
export function batchLoader<T, R>(
  run: (inputs: readonly T[]) => Promise<readonly R[]>,
): (input: T) => Promise<R> {
  let waiting: { input: T; resolve: (answer: R) => void; reject: (error: unknown) => void }[] = [];
  let underWay = 0;
  let next: NodeJS.Immediate | undefined;
  let timer: NodeJS.Timeout | undefined;

  const send = async () => {
    clearImmediate(next);
    clearTimeout(timer);
    next = undefined;
    timer = undefined;
    const batch = waiting;
    waiting = [];
    underWay += 1;
    try {
      const answers = await run(batch.map(({ input }) => input));
      batch.forEach(({ resolve }, index) => resolve(answers[index] as R));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
    underWay -= 1;
    schedule();
  };
  const schedule = () => {
    if (waiting.length === 0) return;
    if (waiting.length >= MOST_AT_ONCE) void send();
    // Together with all other inputs of this turn of the event loop.
    else if (underWay === 0) next ??= setImmediate(() => void send());
    else timer ??= setTimeout(() => void send(), WAIT_AT_MOST_MS);
  };
  return (input) =>
    new Promise<R>((resolve, reject) => {
      waiting.push({ input, resolve, reject });
      schedule();
    });
}
