/** Headers of answers that clients of any app use, as the OpenAPI document describes them. */
export const COMMON_HEADERS = {
  etag: { type: 'string', description: 'The version of this answer, for `If-None-Match`.' },
  'cache-control': { type: 'string', description: 'Who may cache the answer, and for how long.' },
  'retry-after': { type: 'integer', description: 'Seconds to wait before the next request.' },
} as const;

/** Picks headers by name, for the `headers` in the metadata of an answer. */
export function headersFrom<T extends object>(table: T) {
  return <N extends keyof T>(...names: readonly N[]): Pick<T, N> =>
    Object.fromEntries(names.map((name) => [name, table[name]])) as Pick<T, N>;
}

export const headersNamed = headersFrom(COMMON_HEADERS);
