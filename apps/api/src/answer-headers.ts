/** The headers of answers that a client goes by, as the document has them. */
const HEADERS = {
  etag: { type: 'string', description: 'Of this answer, for `If-None-Match`.' },
  'cache-control': { type: 'string', description: 'Who may keep it, and for how long.' },
  'content-language': { type: 'string', enum: ['id', 'en'], description: 'Of `message`.' },
  'retry-after': { type: 'integer', description: 'Seconds after which to ask again.' },
  location: { type: 'string', description: 'Where the order is read.' },
  'idempotency-replayed': {
    type: 'string',
    const: 'true',
    description: 'Where it was taken before; absent where it is new.',
  },
  'ratelimit-limit': { type: 'integer', description: 'Requests a minute in the bucket of the caller.' },
  'ratelimit-remaining': {
    type: 'integer',
    description: 'How many of them are left, as far as this process knows.',
  },
  'ratelimit-reset': { type: 'integer', description: 'Seconds until all of them are there again.' },
} as const;

type HeaderName = keyof typeof HEADERS;

/** For the `headers` in the metadata of an answer. */
export function headersNamed<N extends HeaderName>(...names: readonly N[]): Pick<typeof HEADERS, N> {
  return Object.fromEntries(names.map((name) => [name, HEADERS[name]])) as Pick<typeof HEADERS, N>;
}

export const RATE_LIMIT_HEADERS = headersNamed('ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset');
