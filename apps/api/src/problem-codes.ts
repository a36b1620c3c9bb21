/** Every error the API answers: its stable code, HTTP status, and the general title. */
export const PROBLEMS = {
  malformed_request: { status: 400, title: 'The request is not valid HTTP.' },
  malformed_body: { status: 400, title: 'The body is not valid JSON.' },
  invalid_request: { status: 400, title: 'The request does not have the form this route asks for.' },
  idempotency_key_missing: { status: 400, title: 'An order needs an Idempotency-Key header.' },
  unauthorized: { status: 401, title: 'The key is missing or not valid.' },
  forbidden: { status: 403, title: 'This key may not do that.' },
  origin_not_allowed: { status: 403, title: 'This key is not for pages of this origin.' },
  not_found: { status: 404, title: 'There is nothing here.' },
  request_timeout: { status: 408, title: 'The request took too long to come. Send it again.' },
  sold_out: { status: 409, title: 'Not enough of a product is left.' },
  order_not_shippable: { status: 409, title: 'Only a paid order can be shipped.' },
  order_not_cancellable: {
    status: 409,
    title: 'This order is paid or has ended, so it cannot be cancelled.',
  },
  order_not_payable: { status: 409, title: 'This order is not waiting to be paid.' },
  payment_already_by_this_method: { status: 409, title: 'This order is to be paid by this method already.' },
  transfer_under_review: { status: 409, title: 'A proof of transfer is being looked at.' },
  too_late_to_switch: { status: 409, title: 'Too little time is left for this method.' },
  too_many_payment_attempts: { status: 409, title: 'This order has been given too many ways to pay.' },
  no_transfer_expected: { status: 409, title: 'This order is not to be paid by bank transfer now.' },
  body_too_large: { status: 413, title: 'The body is larger than 64 KiB.' },
  unsupported_media_type: { status: 415, title: 'The body must be application/json.' },
  idempotency_key_reused: { status: 422, title: 'This Idempotency-Key was used with another body.' },
  rate_limited: { status: 429, title: 'Too many requests.' },
  internal_error: { status: 500, title: 'Something went wrong on our side.' },
  temporarily_unavailable: {
    status: 503,
    title: 'This cannot be done just now. Send the same request again.',
  },
  queue_full: {
    status: 503,
    title: 'More orders wait than can be promised. Send the same request again later.',
  },
  too_many_streams: { status: 503, title: 'Too many follow orders as events just now.' },
  maintenance: { status: 503, title: 'The shop is closed for maintenance.' },
  read_only: { status: 503, title: 'Nothing can be ordered or changed just now.' },
} as const;

export type ProblemCode = keyof typeof PROBLEMS;
