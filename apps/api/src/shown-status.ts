import type { Language } from '@antrean/http';
import type { OrderStatus } from '@antrean/domain';
import type { Notice, PlacedRecord } from '@antrean/redis';
import type { LiveSettings } from './live-settings.ts';
import { messageOfRejection } from './messages.ts';

/** The status of an order as it is answered. */
export interface ShownStatus extends OrderStatus {
  /** While it is queued: its place in line, 1 for the next. */
  position?: number;
  /** While it is queued. */
  estimatedWaitMs?: number;
  /** For the customer of a rejected order, in the language of the request. */
  message?: string;
  notice?: Notice;
}

/** What is shown beside what is stored; what is undefined is not in the JSON. */
type Added = { [Field in Exclude<keyof ShownStatus, keyof OrderStatus>]: ShownStatus[Field] | undefined };

/** A ShownStatus as JSON: what is stored of the order is passed on as it is. */
export function shown(
  { notice }: Pick<LiveSettings, 'notice'>,
  { status, json, place }: Pick<PlacedRecord, 'status' | 'json' | 'place'>,
  language: Language,
): string {
  const message = status.reason === undefined ? undefined : messageOfRejection(status.reason, language);
  const { position, estimatedWaitMs } = place ?? {};
  const more = JSON.stringify({ position, estimatedWaitMs, message, notice } satisfies Added);
  return more === '{}' ? json : `${json.slice(0, -1)},${more.slice(1)}`;
}

/** Another one whenever something else is shown, without a look at the whole of it: what a version says stays. */
export function tagOf(
  { noticeTag }: Pick<LiveSettings, 'noticeTag'>,
  { version, place }: Pick<PlacedRecord, 'version' | 'place'>,
  language: Language,
): string {
  const inLine = place === undefined ? '' : `${place.position}-${place.estimatedWaitMs}`;
  return `${version}.${inLine}.${language}.${noticeTag}`;
}

/** Where an order is among all, from 0 to 1: what many do at once, they do a little apart. Its id is a hash. */
export function shareOf(orderId: string): number {
  return Number.parseInt(orderId.slice(-4), 16) / 0xffff;
}
