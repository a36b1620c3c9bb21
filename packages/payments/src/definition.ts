import type { OnlineMethod } from '@antrean/domain';
import { z } from 'zod';
import type { CallOptions } from './calls.ts';
import type { PaymentGateway } from './gateway.ts';

/** The definition of one gateway: everything outside its adapter reads it from here. */
export interface GatewayDefinition {
  /** The gateway's name of each way to pay on its page; null for one that it does not have. */
  readonly methods: Readonly<Record<OnlineMethod, string | null>>;
  /** Reads the environment variables that the worker needs to call the gateway. */
  readonly settings: z.ZodType<GatewaySettings>;
  /** Without webhooks, payments are found by status checks only. */
  readonly webhooks?: WebhookDefinition;
  /** Reads the paid rows of a transaction export from the gateway's dashboard. */
  readonly readExport?: (csv: string) => ReadExport;
}

export interface GatewaySettings {
  /** The limit for each kind of call, over all workers. */
  readonly callsPerMinute: number;
  readonly open: (o: CallOptions) => PaymentGateway;
}

export interface ExportedPayment {
  attemptId: string;
  amountRupiah: number;
}

/** `unreadable`: rows whose amount or id cannot be read exactly; no row of the export is used. */
export type ReadExport =
  | ExportedPayment[]
  | { missingColumn: string }
  | { unreadable: readonly { row: number; why: string }[] };

export interface WebhookDefinition {
  /** Reads the secrets that verify webhooks. Several are valid while one is replaced. */
  readonly secrets: z.ZodType<readonly string[]>;
  readonly receive: (webhook: IncomingWebhook, secrets: readonly string[]) => WebhookResult;
  /** Reads the claim of a payment event from its stored payload. */
  readonly claimOf: (payload: WebhookPayload) => PaymentClaim;
  /** Reads the gateway's id of the refunded payment from the stored payload of a refund event, if it names one. */
  readonly refundedRefOf?: (payload: WebhookPayload) => string | undefined;
  readonly document: WebhookDocument;
}

interface IncomingWebhook {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The parsed body; undefined without a body. */
  readonly body: unknown;
}

/** The stored part of a webhook's body, without secrets and personal data. */
export type WebhookPayload = Readonly<Record<string, unknown>>;

/** What a webhook says about money. Gateways do not sign it, so a status call must confirm it first. */
export interface PaymentClaim {
  claimsPaid: boolean;
  /** Shown in a payment exception. */
  claimedRupiah: number | null;
}

/**
 * payment, refund: an event with an attempt id or refund id, of ours or of another system. `dedupeKey` is the same
 * for each delivery of the event. ignored: genuine, but of a kind that is
 * not used.
 */
export type WebhookResult =
  | {
      kind: 'payment';
      attemptId: string;
      /** Only if it is safe in a URL path. */
      transactionId?: string;
      dedupeKey: string;
      claim: PaymentClaim;
      payload: WebhookPayload;
    }
  | {
      kind: 'refund';
      /** The gateway's own id of a refund that has no other. */
      refundId: string;
      /** The gateway reference of its payment, if the event names one that is safe in a URL path. */
      gatewayRef?: string;
      dedupeKey: string;
      payload: WebhookPayload;
    }
  | { kind: 'ignored' }
  | { kind: 'without_body' }
  | { kind: 'unauthorized'; detail: string };

/** What the OpenAPI document says about the route. */
interface WebhookDocument {
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  /** A JSON Schema with examples that name this attempt. It documents only; nothing is validated by it. */
  readonly body: (attemptId: string) => Record<string, unknown>;
  /** The OpenAPI security schemes of the webhook; empty when the body itself is signed. */
  readonly security: Readonly<
    Record<string, { type: 'apiKey'; in: 'header'; name: string; description: string }>
  >;
}

/** One or several secrets in an environment variable, so that a secret can be replaced without losing a webhook. */
export const secretList = z
  .string()
  .regex(/^[^\s,]+(,[^\s,]+)*$/, 'must be one secret, or several with commas between them and no spaces')
  .transform((text) => text.split(','));

export const callsPerMinute = (usual: number) => z.coerce.number().int().min(1).default(usual);
