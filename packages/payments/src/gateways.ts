import { ONLINE_GATEWAYS, type OnlineGateway, type OnlineMethod } from '@antrean/domain';
import { z } from 'zod';
import type { GatewayDefinition, GatewaySettings, PaymentClaim, WebhookPayload } from './definition.ts';
import { namesOf } from './gateway.ts';
import { midtrans } from './midtrans/index.ts';
import { xendit } from './xendit/index.ts';

/** Every online gateway. packages/domain has the names of all gateways, including offline ones. */
export const GATEWAYS: Readonly<Record<OnlineGateway, GatewayDefinition>> = { midtrans, xendit };

/** Whether the gateway has one of these methods. Null stands for all that the gateway's account has. */
export function hasOneOf(gateway: OnlineGateway, methods: readonly OnlineMethod[] | null): boolean {
  return methods === null || namesOf(GATEWAYS[gateway].methods, methods).length > 0;
}

/** Reads the settings of each gateway from the environment, in the order of fallback. */
export const gatewaySettings: EachOf<GatewaySettings> = ofEach((name) => GATEWAYS[name].settings);

/** Reads the webhook secrets from the environment, for each gateway with webhooks. */
export const webhookSecrets: EachOf<readonly string[]> = ofEach((name) => GATEWAYS[name].webhooks?.secrets);

/** Reads the claim of a stored webhook event. */
export function paymentClaimOf(gateway: OnlineGateway, payload: WebhookPayload): PaymentClaim {
  return GATEWAYS[gateway].webhooks?.claimOf(payload) ?? { claimsPaid: false, claimedRupiah: null };
}

/** Reads from a stored refund event which payment it is about: the gateway's id of it, if the event names one. */
export function refundedRefOf(gateway: OnlineGateway, payload: WebhookPayload): string | undefined {
  return GATEWAYS[gateway].webhooks?.refundedRefOf?.(payload);
}

type EachOf<T> = z.ZodType<ReadonlyMap<OnlineGateway, T>>;

/** One reader of the environment for all gateways. It reports every bad value of each. */
function ofEach<T>(schemaOf: (name: OnlineGateway) => z.ZodType<T> | undefined): EachOf<T> {
  return z.unknown().transform((env, context) => {
    const read = new Map<OnlineGateway, T>();
    for (const name of ONLINE_GATEWAYS) {
      const result = schemaOf(name)?.safeParse(env);
      if (result?.success === true) read.set(name, result.data);
      for (const { path, message } of result?.error?.issues ?? [])
        context.addIssue({ code: 'custom', path: [...path], message });
    }
    return read;
  });
}
