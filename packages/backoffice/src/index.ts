// The context of use cases, and commands that a job carries out.
export type { BackofficeContext } from './context.ts';
export {
  type CommandRequest,
  JobNotConfirmedError,
  type KnownOutcome,
  readOutcome,
  requestIdSchema,
  type Unanswered,
} from './command.ts';

// Refunds, bank transfers, payment exceptions.
export {
  manualRefundInput,
  type ManualRefundAnswer,
  recordManualRefund,
  type RefundAnswer,
  refundInput,
  requestRefund,
} from './refunds.ts';
export {
  confirmTransfer,
  type ConfirmTransferAnswer,
  correctTransfer,
  type CorrectTransferAnswer,
  correctTransferInput,
  listTransfers,
  listTransfersInput,
  rejectTransfer,
  type RejectTransferAnswer,
  rejectTransferInput,
  transferInput,
} from './transfers.ts';
export {
  listExceptions,
  listStrayPayments,
  listExceptionsInput,
  reportStrayTransfer,
  resolveException,
  type ResolveExceptionAnswer,
  resolveExceptionInput,
  type StrayTransferAnswer,
  strayTransferInput,
} from './exceptions.ts';

// Held orders, and stock.
export {
  heldOrderInput,
  releaseOrder,
  type ReleaseOrderAnswer,
  voidOrder,
  type VoidOrderAnswer,
} from './orders.ts';
export { type GoodsReceiptAnswer, goodsReceiptInput, receiveStock } from './stock.ts';

// The catalogue.
export { createFlashSale, type FlashSaleAnswer, flashSaleInput, listFlashSales } from './flash-sales.ts';
export { type ProductsAnswer, productsInput, saveProducts } from './products.ts';

// Storefronts, switches and the notice.
export {
  changeSettings,
  type CreateKeyAnswer,
  createStorefrontKey,
  listKeys,
  listStorefronts,
  projectAllStorefronts,
  putStorefront,
  revokeKey,
  type RevokeKeyAnswer,
  storefrontInput,
  storefrontKeyInput,
  type StorefrontSettingsAnswer,
  storefrontSettingsInput,
} from './storefronts.ts';
export {
  noticeInput,
  readSwitches,
  setNotice,
  setSwitch,
  type SwitchesNow,
  switchInput,
} from './switches.ts';

// Money.
export {
  auditMoney,
  compareSettlementExport,
  type ComparedExport,
  type MoneyAudit,
  moneyAuditInput,
  readSettlementReport,
  type SettlementAnswer,
  settlementInput,
} from './money.ts';
