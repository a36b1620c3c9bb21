import { isTagNamed } from '@antrean/http';
import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { FOR_ANY_PAGE } from './cors.ts';
import { headersNamed } from './answer-headers.ts';
import type { LiveSettings } from './live-settings.ts';
import { rupiah } from './schemas.ts';

const price = rupiah.positive();
const count = z.int().nonnegative();

const upcomingSale = z.object({
  name: z.string(),
  price: price.meta({ description: 'The price in the sale, in integer rupiah, while the quota lasts.' }),
  startsAt: z.iso.datetime(),
  endsAt: z.iso.datetime(),
  limitPerBuyer: z
    .int()
    .positive()
    .optional()
    .meta({ description: 'Units that one buyer may buy at this price; absent where there is no limit.' }),
});

export const EXAMPLE_PRODUCT = {
  sku: 'KOPI-GAYO-250',
  name: 'Kopi Gayo 250 g',
  description: 'Kopi arabika dari Aceh Tengah, sangrai sedang.',
  category: 'kopi',
  price: 59_000,
  regularPrice: 85_000,
  available: 480,
  availability: 'in_stock',
  flashSale: {
    name: '12.12',
    price: 59_000,
    startsAt: '2026-12-12T05:00:00.000Z',
    endsAt: '2026-12-12T17:00:00.000Z',
    limitPerBuyer: 2,
    quotaLeft: 130,
  },
} as const;

/** A product as the catalogue shows it. Money is integer rupiah. */
export const productAnswer = z
  .object({
    sku: z.string(),
    name: z.string(),
    description: z.string(),
    category: z.string().nullable(),
    price: price.meta({
      description:
        'The price now: that of a flash sale while it runs and its quota lasts, else `regularPrice`.',
    }),
    regularPrice: price,
    available: count.meta({
      description:
        'Units that can be ordered, as last known. Whether an order gets them is decided when it is reserved.',
    }),
    availability: z.enum(['in_stock', 'low_stock', 'sold_out']),
    flashSale: upcomingSale
      .extend({
        quotaLeft: count.meta({ description: 'Units left at this price; at 0 the regular price holds.' }),
      })
      .optional()
      .meta({ description: 'The flash sale that runs now.' }),
    nextFlashSale: upcomingSale.optional().meta({ description: 'The flash sale that begins next.' }),
  })
  .meta({
    id: 'Product',
    examples: [EXAMPLE_PRODUCT],
  });

export type ProductAnswer = z.output<typeof productAnswer>;

/**
 * A crowd costs a page one request a second at most: a CDN keeps it for a second, then shows it for five more while it
 * asks for the next one. Browsers ask each time, and mostly hear 304. So a quiet page may be six seconds old, which
 * orders nothing: whether there is still enough is decided when it is ordered.
 */
const SHARED_SECONDS = 1;
const REVALIDATE_SECONDS = 5;

/**
 * Answers something of the catalogue: the one place where all of its answers are made. They are the same for everyone,
 * so that there is nothing to vary by. No copy outlives `changesAtMs`, when another price begins.
 */
export function sendCatalogue(
  { settings }: { settings: Pick<LiveSettings, 'noticeField'> },
  request: FastifyRequest,
  reply: FastifyReply,
  content: object,
  changesAtMs: number,
): FastifyReply {
  const body = JSON.stringify({ ...content, ...settings.noticeField });
  // Weak, as a CDN may compress what it passes on.
  const etag = `W/"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
  const secondsLeft = Math.max(0, Math.floor((changesAtMs - Date.now()) / 1_000));
  const sharedSeconds = Math.min(SHARED_SECONDS, secondsLeft);
  const revalidateSeconds = Math.min(REVALIDATE_SECONDS, secondsLeft - sharedSeconds);
  void reply
    .header('etag', etag)
    .header(
      'cache-control',
      `public, max-age=0, s-maxage=${sharedSeconds}, stale-while-revalidate=${revalidateSeconds}`,
    );
  if (isTagNamed(request.headers['if-none-match'], etag)) return reply.code(304).send();
  return reply.type('application/json; charset=utf-8').send(body);
}

/** What they have in the document. */
export const catalogueHeaders = headersNamed('etag', 'cache-control');
export const unchangedAnswer = z
  .null()
  .meta({ description: 'The answer has not changed.', headers: catalogueHeaders });

/** Of routes whose answers a CDN keeps: where one caller stands is nobody else's business. */
export const catalogueRoute = {
  access: 'public',
  closedBy: ['maintenance'],
  cors: FOR_ANY_PAGE,
  rateLimit: {
    addHeadersOnExceeding: {
      'ratelimit-limit': false,
      'ratelimit-remaining': false,
      'ratelimit-reset': false,
    },
  },
} as const;
