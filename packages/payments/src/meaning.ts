import type { AnswerMeaning } from '@antrean/domain';

/**
 * What the code of an unclear or refused call says something about. A code that is not listed is one of the gateway or of
 * the network on the way to it: `timeout`, `bad_answer`, `http_500`, `ECONNREFUSED`.
 */
const MEANINGS: ReadonlyMap<string, AnswerMeaning> = new Map(
  Object.entries({
    // The gateway works, and answers something about this payment or refund.
    order: [
      'already_exists',
      'already_returned',
      'bad_amount',
      'denied_by_bank',
      'duplicate_order_id',
      'duplicate_refund_key',
      'not_found',
      'not_paid',
      'not_settled',
      'refunds_not_listed',
      'unknown_fraud_status',
      'unknown_status',
      'wrong_order',
      'wrong_refund',
      ...['http_400', 'http_405', 'http_406', 'http_409', 'http_411', 'http_412', 'http_413', 'http_414'],
      'http_422',
      ...['API_VALIDATION_ERROR', 'DATA_NOT_FOUND', 'DUPLICATE_ERROR', 'IDEMPOTENCY_ERROR'],
      ...['INVALID_JSON_FORMAT', 'REFUND_IN_PROGRESS', 'TRANSACTION_NOT_FOUND'],
    ],
    // Our key, its permissions, or our account at the gateway. No order is at fault, and every order meets it.
    set_up: [
      ...['http_401', 'http_402', 'http_403', 'http_410'],
      ...['ACCESS_SUSPENDED', 'INVALID_API_KEY', 'REQUEST_FORBIDDEN_ERROR', 'UNAUTHORIZED'],
      ...['MISMATCH_CURRENCY_ERROR', 'NO_COLLECTION_METHODS_ERROR', 'UNSUPPORTED_CURRENCY'],
    ],
    // No call was made, or the gateway only asks for fewer calls.
    nothing: [
      'bad_attempt_id',
      'bad_expiry',
      'bad_gateway_ref',
      'bad_refund_id',
      'bad_transaction_id',
      'breaker_open',
      'http_429',
      'method_not_offered',
      'method_not_refundable',
      'partial_not_supported',
      'rate_limited',
      'refund_hours',
      'too_many',
    ],
  } satisfies Record<Exclude<AnswerMeaning, 'gateway'>, readonly string[]>).flatMap(([meaning, codes]) =>
    codes.map((code) => [code, meaning as AnswerMeaning] as const),
  ),
);

export const meaningOfCode = (code: string): AnswerMeaning => MEANINGS.get(code) ?? 'gateway';

/** What the result of any call of a gateway says something about. */
export function meaningOf(result: unknown): AnswerMeaning {
  const { kind, code, unknown } = (result ?? {}) as Readonly<Record<'kind' | 'code' | 'unknown', unknown>>;
  const why = unknown ?? code;
  if (typeof why !== 'string') return 'order';
  const meaning = meaningOfCode(why);
  if (unknown !== undefined || kind === 'unknown' || kind === 'not_sent') return meaning;
  // A definite refusal is an answer about the order, unless we refused before the call.
  return meaning === 'nothing' || why === 'bad_amount' ? 'nothing' : 'order';
}
