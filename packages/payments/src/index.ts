// The gateways: adapters, webhooks and settings.
export {
  GATEWAYS,
  gatewaySettings,
  hasOneOf,
  paymentClaimOf,
  refundedRefOf,
  webhookSecrets,
} from './gateways.ts';
export type { WebhookResult } from './definition.ts';
export { createMidtransGateway } from './midtrans/adapter.ts';
export { createXenditGateway } from './xendit/adapter.ts';

// The interface of all gateways.
export type {
  CallRateLimiter,
  CloseOutcome,
  CreateOutcome,
  GatewayApiCall,
  GatewayStatus,
  ListedPayment,
  PaymentGateway,
  PaymentReference,
  PaymentRequest,
  Received,
  RefundOutcome,
  RefundRequest,
  RefundsOfPayment,
  RefundStatus,
  Urgency,
} from './gateway.ts';
export { type BreakerState, type SetUpChange, withBreaker } from './breaker.ts';
export { meaningOf } from './meaning.ts';

// Readers of gateway answers, for the payment simulation: it makes answers up and reads them as production does.
export { httpFailure } from './gateway.ts';
export { closedBy as midtransClosedBy, statusOf as midtransStatusOf } from './midtrans/status.ts';
export { closedBy as xenditClosedBy, statusOf as xenditStatusOf } from './xendit/invoices.ts';
