import { COMMON_HEADERS, headersFrom } from '@antrean/http';

/** The headers of answers that a client goes by, as the document has them. */
const HEADERS = {
  ...COMMON_HEADERS,
  'content-language': { type: 'string', enum: ['id', 'en'], description: 'Of `message`.' },
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

export const headersNamed = headersFrom(HEADERS);

export const RATE_LIMIT_HEADERS = headersNamed('ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset');
