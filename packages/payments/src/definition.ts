import { z } from 'zod';
import type { CallOptions } from './calls.ts';
import type { PaymentGateway } from './gateway.ts';

/** All that the shop knows of one gateway. */
export interface GatewayDefinition {
  /** Reads its environment variables, as the worker needs them to call it. */
  readonly settings: z.ZodType<GatewaySettings>;
  /** Without it, payments are found by asking only. */
  readonly webhooks?: WebhookDefinition;
  /** Reads the paid rows of the file of transactions that its dashboard exports. */
  readonly readExport?: (csv: string) => ExportedPayment[] | { missingColumn: string };
}

export interface GatewaySettings {
  /** Of each kind of call, over all workers. */
  readonly callsPerMinute: number;
  readonly open: (o: CallOptions) => PaymentGateway;
}

export interface ExportedPayment {
  attemptId: string;
  amountRupiah: number;
}

export interface WebhookDefinition {
  /** Reads the secrets that webhooks are known by. Several are valid while one is changed. */
  readonly secrets: z.ZodType<readonly string[]>;
  readonly receive: (webhook: IncomingWebhook, secrets: readonly string[]) => WebhookResult;
  /** Reads the claim of a payment event from what was kept of its body. */
  readonly claimOf: (payload: WebhookPayload) => PaymentClaim;
  readonly document: WebhookDocument;
}

interface IncomingWebhook {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** As parsed; undefined where none was sent. */
  readonly body: unknown;
}

/** What is kept of a webhook's body: no secrets and no personal data. */
export type WebhookPayload = Readonly<Record<string, unknown>>;

/** What a webhook says of money. No gateway signs it, so it moves nothing before a status call confirms it. */
export interface PaymentClaim {
  claimsPaid: boolean;
  /** For the admin who looks at a payment exception. */
  claimedRupiah: number | null;
}

/**
 * payment, refund: an event about an attempt or a refund that bears one of our ids, or another system's. `dedupeKey` is
 * the same whenever the event is delivered; null where only its payload tells it from others. ignored: genuine, and of
 * no use to us.
 */
export type WebhookResult =
  | {
      kind: 'payment';
      attemptId: string;
      /** Only where it can be part of an address. */
      transactionId?: string;
      dedupeKey: string | null;
      claim: PaymentClaim;
      payload: WebhookPayload;
    }
  | { kind: 'refund'; refundId: string; dedupeKey: string; payload: WebhookPayload }
  | { kind: 'ignored' }
  | { kind: 'without_body' }
  | { kind: 'unauthorized'; detail: string };

/** What the OpenAPI document says of the route. */
interface WebhookDocument {
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  /** JSON Schema with examples that name this attempt; it describes and checks nothing. */
  readonly body: (attemptId: string) => Record<string, unknown>;
  /** The security schemes of OpenAPI that it is known by; none where the body itself is signed. */
  readonly security: Readonly<
    Record<string, { type: 'apiKey'; in: 'header'; name: string; description: string }>
  >;
}

/** One secret or several in an environment variable, so that a secret is changed without a webhook lost. */
export const secretList = z
  .string()
  .regex(/^[^\s,]+(,[^\s,]+)*$/, 'must be one secret, or several with commas between them and no spaces')
  .transform((text) => text.split(','));

export const callsPerMinute = (usual: number) => z.coerce.number().int().min(1).default(usual);
