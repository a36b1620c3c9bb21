import { z } from 'zod';
import { callsPerMinute, type GatewayDefinition } from '../definition.ts';
import { createXenditGateway } from './adapter.ts';
import { XENDIT_METHODS } from './methods.ts';
import { xenditWebhooks } from './webhooks.ts';

export const xendit: GatewayDefinition = {
  methods: XENDIT_METHODS,
  settings: z
    .object({
      XENDIT_SECRET_KEY: z.string().min(1),
      XENDIT_BASE_URL: z.url().optional(),
      /** Xendit allows 600 in live mode and 60 in test mode; a tenth of it is left free. */
      XENDIT_CALLS_PER_MINUTE: callsPerMinute(600),
    })
    .transform((env) => ({
      callsPerMinute: env.XENDIT_CALLS_PER_MINUTE,
      open: (o) =>
        createXenditGateway({
          ...o,
          secretKey: env.XENDIT_SECRET_KEY,
          ...(env.XENDIT_BASE_URL === undefined ? {} : { baseUrl: env.XENDIT_BASE_URL }),
        }),
    })),
  webhooks: xenditWebhooks,
};
