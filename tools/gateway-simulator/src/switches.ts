import { z } from 'zod';

/**
 * Behaviour that the gateways' documents leave open, or that a test changes. Each default is the likely or the usual
 * behaviour; README.md explains each switch.
 */
export const switchesSchema = z.strictObject({
  midtransLanguage: z.enum(['en', 'id']).default('en'),
  /** Core's business errors have real HTTP statuses instead of HTTP 200 with the status in the body. */
  midtransTrueHttpStatus: z.boolean().default(false),
  midtransDuplicateOrderStatus: z.union([z.literal(400), z.literal(406), z.literal(409)]).default(400),
  midtransIdempotentCreate: z.boolean().default(false),
  /** null: the server key. */
  midtransSignatureSecret: z.string().min(1).nullable().default(null),
  /** The status_code of GET status after a cancel. */
  midtransCancelledStatusCode: z.enum(['200', '202']).default('200'),
  midtransSessionCancelStatus: z.number().int().min(400).max(499).default(400),
  midtransUnknownTokenStatus: z.number().int().min(400).max(499).default(404),
  midtransPagePath: z.enum(['v2/vtweb', 'v3/redirection', 'v4/redirection']).default('v3/redirection'),
  /** Whether DANA and BSI are found by order id too. The documents say: by transaction id only. */
  midtransBiSnapByOrderId: z.boolean().default(false),
  /** DANA's pending state is as in its documented sample: "PENDING" with status_code 200. */
  midtransDanaSample: z.boolean().default(false),
  /** The first state of a card payment: captured, challenged (the merchant reviews it), or only authorized. */
  midtransCard: z.enum(['capture', 'challenge', 'authorize']).default('capture'),
  /** The answer to the same refund_key with the same amount: the stored answer, or 406 as for another amount. */
  midtransRefundKey: z.enum(['replay', 'duplicate']).default('replay'),
  /** The fee that the account charges the customer on top of the amount, in rupiah; null: it charges none. */
  midtransCustomerFeeRupiah: z.number().int().positive().nullable().default(null),
  /** Whether the create call can switch that fee off. */
  midtransCustomerFeeOptional: z.boolean().default(true),
  /** Where GET status and notifications explain that fee. */
  midtransCustomerFeeInfo: z.enum(['metadata', 'extra_info', 'absent']).default('metadata'),
  /** Whether Core finds a transaction whose order id has a blank in it. */
  midtransFindsBlankOrderIds: z.boolean().default(true),
  /** Whether ShopeePay refuses refunds from 23:55 to 06:00 WIB. */
  midtransShopeepayHours: z.boolean().default(true),
  /** Requests a minute for each endpoint; null: no limit. */
  midtransRatePerMinute: z.number().int().positive().nullable().default(null),
  xenditRatePerMinute: z.number().int().positive().nullable().default(null),
  xenditCreateStatus: z.union([z.literal(200), z.literal(201)]).default(200),
  /** Creates are refused with this error_code; null: they are accepted. */
  xenditCreateError: z.string().min(1).nullable().default(null),
  xenditExpireErrorStatus: z.union([z.literal(404), z.literal(400)]).default(404),
  xenditUniqueExternalId: z.boolean().default(false),
  xenditWebhookId: z.enum(['stable', 'new_each_try', 'absent']).default('stable'),
  xenditSettledWebhook: z.boolean().default(false),
  /** Whether a payment after expiry causes a webhook, an option of the dashboard. */
  xenditTellLatePayments: z.boolean().default(true),
  /** Channels whose refunds differ from xendit-methods.ts. */
  xenditRefundable: z.record(z.string(), z.enum(['none', 'full', 'partial'])).default({}),
  xenditInvoiceRefunds: z.boolean().default(true),
  xenditOneRefundAtATime: z.boolean().default(false),
  /** Whether an invoice shows virtual account numbers and payment codes. */
  xenditPaymentCodes: z.boolean().default(true),
  /** fees_paid_amount of paid invoices, in rupiah; null: absent. */
  xenditFeeRupiah: z.number().int().min(0).nullable().default(null),
  /** The time from the acceptance of a refund to the bank's decision. */
  refundDelayMs: z.number().int().min(0).max(600_000).default(200),
});
export type Switches = z.infer<typeof switchesSchema>;
