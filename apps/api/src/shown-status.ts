import type { Language } from '@antrean/http';
import type { OrderStatus } from '@antrean/domain';
import type { Notice, PlacedRecord } from '@antrean/redis';
import type { LiveSettings } from './live-settings.ts';
import { messageOfRejection } from './messages.ts';
import type { OrderDetails } from './order-details.ts';
import { fingerprintOf } from './tokens.ts';

type Optional<T> = { [K in keyof T]?: T[K] | undefined };

/** The status of an order as clients get it. */
export interface ShownStatus extends OrderStatus, Optional<OrderDetails> {
  /** While the order is queued: its position, 1 is next. */
  position?: number;
  /** While the order is queued. */
  estimatedWaitMs?: number;
  /** For the customer of a rejected order, in the language of the request. */
  message?: string;
  notice?: Notice;
  /** For a secret key, instead of the details, while they cannot be read. */
  details?: 'unavailable';
}

/** Fields added to the stored status. Undefined ones are not in the JSON. */
type Added = { [Field in Exclude<keyof ShownStatus, keyof OrderStatus>]: ShownStatus[Field] | undefined };

/** What a secret key gets beside the status. Money may move without a new version of the order. */
type Details = OrderDetails | { details: 'unavailable' };

/** Returns a ShownStatus as JSON. The stored JSON of the status is passed on unchanged. */
export function shown(
  { notice }: Pick<LiveSettings, 'notice'>,
  { status, json, place }: Pick<PlacedRecord, 'status' | 'json' | 'place'>,
  language: Language,
  details?: Details,
): string {
  const message = status.reason === undefined ? undefined : messageOfRejection(status.reason, language);
  const { position, estimatedWaitMs } = place ?? {};
  const added: Partial<Added> = { position, estimatedWaitMs, message, notice, ...details };
  const more = JSON.stringify(added);
  return more === '{}' ? json : `${json.slice(0, -1)},${more.slice(1)}`;
}

/**
 * Changes whenever the shown status changes. The version stands for the stored status, so that its text is not
 * hashed.
 */
export function tagOf(
  { noticeTag }: Pick<LiveSettings, 'noticeTag'>,
  { version, place }: Pick<PlacedRecord, 'version' | 'place'>,
  language: Language,
  details?: Details,
): string {
  const inLine = place === undefined ? '' : `${place.position}-${place.estimatedWaitMs}`;
  const more = details === undefined ? '' : `.${fingerprintOf(details).slice(0, 16)}`;
  return `${version}.${inLine}.${language}.${noticeTag}${more}`;
}

/**
 * A fraction from 0 to 1 for each order, from its id, which is a hash. It spreads what many clients would do at the
 * same moment.
 */
export function jitterOf(orderId: string): number {
  return Number.parseInt(orderId.slice(-4), 16) / 0xffff;
}
