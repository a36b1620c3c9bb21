export { type BreakerState, withBreaker } from './breaker.ts';
export type {
  CloseOutcome,
  CreateOutcome,
  GatewayApiCall,
  GatewayStatus,
  PaymentReference,
  ListedPayment,
  CallRateLimiter,
  PaymentGateway,
  PaymentRequest,
  Received,
  RefundOutcome,
  RefundRequest,
  RefundStatus,
  Urgency,
} from './gateway.ts';
export { createMidtransGateway } from './midtrans/adapter.ts';
export { withoutPersonalData } from './redact.ts';
export {
  parseXenditInvoiceEvent,
  parseXenditRefundEvent,
  verifyMidtransNotification,
  verifyXenditToken,
} from './webhooks.ts';
export { createXenditGateway } from './xendit/adapter.ts';

// How answers are read: the simulation of payments makes answers up, and has them read as in production.
export { closedBy as midtransClosedBy, statusOf as midtransStatusOf } from './midtrans/status.ts';
export { closedBy as xenditClosedBy, statusOf as xenditStatusOf } from './xendit/invoices.ts';
