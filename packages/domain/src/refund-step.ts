import { REFUND_LIFECYCLE, type RefundState } from './refund.ts';

/**
 * What a gateway says about a refund. succeeded: the money was returned. pending: accepted, but not paid out yet. refused: no
 * money is or will be returned. not_refundable: with this method the refund must be paid out manually. not_sent: certainly
 * without effect; `notBefore` if it cannot succeed earlier. unknown: it may have had an effect. none: the gateway has no such
 * refund.
 */
export type RefundAnswer =
  | { readonly kind: 'succeeded'; readonly gatewayRef: string; readonly feeRupiah?: number }
  | { readonly kind: 'pending'; readonly gatewayRef: string }
  | { readonly kind: 'refused'; readonly code: string }
  | { readonly kind: 'not_refundable'; readonly code: string }
  | { readonly kind: 'not_sent'; readonly code: string; readonly notBefore?: Date }
  | { readonly kind: 'unknown'; readonly code: string }
  | { readonly kind: 'none' };

/** What an answer means for the refund. */
export type RefundStep =
  | { readonly kind: 'succeeded'; readonly gatewayRef: string; readonly feeRupiah?: number }
  | { readonly kind: 'refused' | 'manual_refund'; readonly failureCode: string }
  /** It is sent or checked again at `dueAt`. */
  | {
      readonly kind: 'again';
      readonly state: 'requested' | 'pending' | 'unknown';
      readonly dueAt: Date;
      readonly gatewayRef?: string;
      readonly failureCode?: string;
      /** A person should look at it. */
      readonly isOverdue: boolean;
    };

/** After this time without an outcome, a person should look at the refund. */
const OVERDUE_AFTER_MS = 24 * 3_600_000;
const LONGEST_WAIT_MS = 3_600_000;

/** Decides what an answer about a refund means, and when the gateway is asked again. */
export function refundStepAfter(
  answer: RefundAnswer,
  refund: { readonly state: RefundState; readonly createdAt: Date },
  now: Date,
): RefundStep {
  const again = { kind: 'again', ...nextTry(refund.createdAt, now) } as const;
  switch (answer.kind) {
    case 'succeeded':
      return answer;
    case 'refused':
      return { kind: 'refused', failureCode: answer.code };
    case 'not_refundable':
      return { kind: 'manual_refund', failureCode: answer.code };
    case 'pending':
      return { ...again, state: 'pending', gatewayRef: answer.gatewayRef };
    case 'none':
      // The gateway had accepted the refund and no longer has it: it is sent again under the same id.
      return { ...again, state: 'unknown', failureCode: 'not_found' };
    case 'not_sent':
    case 'unknown': {
      // A refund that the gateway has accepted stays so when it does not answer.
      const state =
        refund.state === 'pending' ? 'pending' : answer.kind === 'not_sent' ? 'requested' : 'unknown';
      const notBefore = answer.kind === 'not_sent' ? answer.notBefore : undefined;
      const dueAt = notBefore !== undefined && notBefore > again.dueAt ? notBefore : again.dueAt;
      return { ...again, dueAt, state, failureCode: answer.code };
    }
  }
  return answer satisfies never;
}

/** Refunds take from seconds to days: the gateway is asked after a minute, then less and less often. */
function nextTry(createdAt: Date, now: Date): { dueAt: Date; isOverdue: boolean } {
  const ageMs = now.getTime() - createdAt.getTime();
  const waitMs = Math.min(Math.max(REFUND_LIFECYCLE.sent.overdueAfterMs, ageMs / 4), LONGEST_WAIT_MS);
  return { dueAt: new Date(now.getTime() + waitMs), isOverdue: ageMs > OVERDUE_AFTER_MS };
}
