// The gateways: how each is called, heard and configured.
export { GATEWAYS, gatewaySettings, paymentClaimOf, webhookSecrets } from './gateways.ts';
export type { WebhookResult } from './definition.ts';
export { createMidtransGateway } from './midtrans/adapter.ts';
export { createXenditGateway } from './xendit/adapter.ts';

// The port that all of them have.
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
  RefundStatus,
  Urgency,
} from './gateway.ts';
export { type BreakerState, withBreaker } from './breaker.ts';

// How answers are read: the simulation of payments makes answers up, and has them read as in production.
export { closedBy as midtransClosedBy, statusOf as midtransStatusOf } from './midtrans/status.ts';
export { closedBy as xenditClosedBy, statusOf as xenditStatusOf } from './xendit/invoices.ts';
