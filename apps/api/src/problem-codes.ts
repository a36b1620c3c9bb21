import { COMMON_PROBLEMS } from '@antrean/http';

/** Every error of the API: stable code, HTTP status and general title. */
export const PROBLEMS = {
  ...COMMON_PROBLEMS,
  idempotency_key_missing: { status: 400, title: 'An order needs an Idempotency-Key header.' },
  return_url_not_allowed: {
    status: 400,
    title: 'The origin of returnUrl is not registered for this storefront.',
  },
  unauthorized: { status: 401, title: 'The key is missing or not valid.' },
  forbidden: { status: 403, title: 'This key is not allowed to do this.' },
  origin_not_allowed: { status: 403, title: 'This key is not valid for this origin.' },
  sold_out: { status: 409, title: 'A product is sold out, or too few units are left.' },
  order_not_shippable: { status: 409, title: 'Only a paid order can be shipped.' },
  order_not_cancellable: {
    status: 409,
    title: 'This order is paid or has ended, so it cannot be cancelled.',
  },
  order_not_payable: { status: 409, title: 'This order is not waiting for a payment.' },
  payment_already_by_this_method: {
    status: 409,
    title: 'This order already has an open payment by this method.',
  },
  transfer_under_review: { status: 409, title: 'A proof of transfer is being reviewed.' },
  too_late_to_switch: { status: 409, title: 'Too little time is left to change to this payment method.' },
  too_many_payment_attempts: {
    status: 409,
    title: 'This order has reached its limit of payment attempts.',
  },
  no_transfer_expected: { status: 409, title: 'This order is not waiting for a bank transfer.' },
  body_too_large: { status: 413, title: 'The body is larger than 64 KiB.' },
  payment_method_not_offered: {
    status: 422,
    title: 'This storefront does not offer this payment method.',
  },
  idempotency_key_reused: {
    status: 422,
    title: 'This Idempotency-Key was used with another body. Use a new key for a new order.',
  },
  rate_limited: { status: 429, title: 'Too many requests. Wait for the number of seconds in Retry-After.' },
  queue_full: {
    status: 503,
    title: 'The queue is full. Send the same request again after the number of seconds in Retry-After.',
  },
  too_many_streams: { status: 503, title: 'Too many event streams are open. Poll the order instead.' },
  maintenance: { status: 503, title: 'The shop is closed for maintenance.' },
  read_only: { status: 503, title: 'The shop is read-only: orders cannot be placed or changed.' },
} as const;

export type ProblemCode = keyof typeof PROBLEMS;
