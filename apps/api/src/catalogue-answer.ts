import { isTagNamed } from '@antrean/http';
import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { ANY_ORIGIN } from './cors.ts';
import { headersNamed } from './answer-headers.ts';
import type { LiveSettings } from './live-settings.ts';
import { rupiah } from './schemas.ts';

const price = rupiah.positive();
const count = z.int().nonnegative();

const upcomingSale = z.object({
  name: z.string(),
  price: price.meta({ description: 'The price in the sale, in integer rupiah, until the quota is sold.' }),
  startsAt: z.iso.datetime(),
  endsAt: z.iso.datetime(),
  limitPerBuyer: z
    .int()
    .positive()
    .optional()
    .meta({ description: 'Units that one buyer may buy at this price; absent when there is no limit.' }),
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
        "The price now: the flash sale's price while the sale runs and its quota lasts, else `regularPrice`.",
    }),
    regularPrice: price,
    available: count.meta({
      description:
        'Units that can be ordered, as last published. A worker decides whether an order gets them.',
    }),
    availability: z.enum(['in_stock', 'low_stock', 'sold_out']),
    flashSale: upcomingSale
      .extend({
        quotaLeft: count.meta({ description: 'Units left at this price; at 0 the regular price applies.' }),
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
 * A crowd costs a page at most one request a second: a CDN keeps the page for a second, and serves it for five more
 * while it fetches the next. Browsers revalidate each time and mostly get 304. An unchanged page may be six seconds
 * old; that cannot oversell, as a worker decides each order.
 */
const SHARED_SECONDS = 1;
const REVALIDATE_SECONDS = 5;

/**
 * The one place that makes the catalogue's answers. They are the same for every client, so they have no Vary. No copy
 * outlives `changesAtMs`, when the price changes.
 */
export function sendCatalogue(
  { settings }: { settings: Pick<LiveSettings, 'noticeField'> },
  request: FastifyRequest,
  reply: FastifyReply,
  content: object,
  changesAtMs: number,
): FastifyReply {
  const body = JSON.stringify({ ...content, ...settings.noticeField });
  // Weak, as a CDN may compress the answer.
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

/** The headers of the catalogue's answers in the OpenAPI document. */
export const catalogueHeaders = headersNamed('etag', 'cache-control');
export const unchangedAnswer = z
  .null()
  .meta({ description: 'The answer has not changed.', headers: catalogueHeaders });

/** Rules of routes whose answers a CDN keeps. Those answers have no headers about one client's rate limit. */
export const catalogueRoute = {
  access: 'public',
  closedBy: ['maintenance'],
  cors: ANY_ORIGIN,
  rateLimit: {
    addHeadersOnExceeding: {
      'ratelimit-limit': false,
      'ratelimit-remaining': false,
      'ratelimit-reset': false,
    },
  },
} as const;
