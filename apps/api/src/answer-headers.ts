import { COMMON_HEADERS, headersFrom } from '@antrean/http';

/** Headers of answers that clients use, as the OpenAPI document describes them. */
const HEADERS = {
  ...COMMON_HEADERS,
  'content-language': { type: 'string', enum: ['id', 'en'], description: 'The language of `message`.' },
  location: { type: 'string', description: 'The path of the order.' },
  'idempotency-replayed': {
    type: 'string',
    const: 'true',
    description: 'Present when the order had been accepted before.',
  },
  'ratelimit-limit': { type: 'integer', description: 'Requests a minute that this client may send.' },
  'ratelimit-remaining': {
    type: 'integer',
    description: 'Requests left in this minute, as far as this process knows.',
  },
  'ratelimit-reset': { type: 'integer', description: 'Seconds until the limit resets.' },
} as const;

export const headersNamed = headersFrom(HEADERS);

export const RATE_LIMIT_HEADERS = headersNamed('ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset');
