import { z } from 'zod';
import { callsPerMinute, type GatewayDefinition } from '../definition.ts';
import { createMidtransGateway } from './adapter.ts';
import { readMidtransExport } from './export.ts';
import { MIDTRANS_METHODS } from './methods.ts';
import { midtransWebhooks } from './webhooks.ts';

export const midtrans: GatewayDefinition = {
  methods: MIDTRANS_METHODS,
  settings: z
    .object({
      MIDTRANS_SERVER_KEY: z.string().min(1),
      MIDTRANS_PRODUCTION: z.enum(['true', 'false']).default('false'),
      MIDTRANS_BASE_URL: z.url().optional(),
      /** The gateway's limit; a tenth of it is left free. */
      MIDTRANS_CALLS_PER_MINUTE: callsPerMinute(1_200),
    })
    .transform((env) => ({
      callsPerMinute: env.MIDTRANS_CALLS_PER_MINUTE,
      open: (o) =>
        createMidtransGateway({
          ...o,
          serverKey: env.MIDTRANS_SERVER_KEY,
          isProduction: env.MIDTRANS_PRODUCTION === 'true',
          ...(env.MIDTRANS_BASE_URL === undefined ? {} : { baseUrl: env.MIDTRANS_BASE_URL }),
        }),
    })),
  webhooks: midtransWebhooks,
  readExport: readMidtransExport,
};
