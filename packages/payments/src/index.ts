export { withBreaker } from './breaker.ts';
export type {
  CloseOutcome,
  CreateOutcome,
  GatewayName,
  GatewayStatus,
  PaymentGateway,
  PaymentRequest,
} from './gateway.ts';
export { createMidtransGateway } from './midtrans.ts';
export { parseXenditInvoiceEvent, verifyMidtransNotification, verifyXenditToken } from './webhooks.ts';
export { createXenditGateway } from './xendit.ts';
