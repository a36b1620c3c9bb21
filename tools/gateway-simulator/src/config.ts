import { commonConfig, type LogLevel, parseConfig } from '@antrean/process';
import { z } from 'zod';
import type { Switches } from './switches.ts';

export const gateways = ['midtrans', 'xendit'] as const;
export type Gateway = (typeof gateways)[number];

const environment = z.object({
  ...commonConfig,
  LOG_LEVEL: commonConfig.LOG_LEVEL.default('warn'),
  SIMULATOR_PORT: z.coerce.number().int().min(0).max(65_535).default(4010),
  SIMULATOR_HOST: z.string().default('127.0.0.1'),
  PUBLIC_URL: z.url().optional(),
  MIDTRANS_SERVER_KEY: z.string().min(1).default('SB-Mid-server-antrean-demo'),
  XENDIT_SECRET_KEY: z.string().min(1).default('xnd_development_antrean_demo'),
  XENDIT_CALLBACK_TOKEN: z.string().min(1).default('antrean-demo-callback-token'),
  MIDTRANS_WEBHOOK_URL: z.url().default('http://127.0.0.1:3000/v1/webhooks/midtrans'),
  XENDIT_WEBHOOK_URL: z.url().default('http://127.0.0.1:3000/v1/webhooks/xendit'),
  XENDIT_REFUND_WEBHOOK_URL: z.url().optional(),
  WEBHOOK_CLOCK_FACTOR: z.coerce.number().min(0).max(1).optional(),
  SIMULATOR_SEED: z.coerce.number().int().optional(),
});

export interface SimulatorConfig {
  publicUrl: string;
  midtransServerKey: string;
  xenditSecretKey: string;
  xenditCallbackToken: string;
  midtransWebhookUrl: string;
  xenditWebhookUrl: string;
  /** The address of refund events; by default that of invoice events. */
  xenditRefundWebhookUrl?: string | undefined;
  /** The factor of the gateways' waits between retries; by default 1/480, two minutes in 250 ms. */
  webhookClockFactor?: number | undefined;
  /** Replaces the gateways' own waits, after any answer but a 2xx; its length is the number of retries. */
  webhookRetryDelaysMs?: readonly number[];
  /** The seed of the faults' chances and of the retries' random shift; 1 by default. */
  seed?: number | undefined;
  switches?: Partial<Switches>;
}

export function readConfig(
  env: NodeJS.ProcessEnv,
): SimulatorConfig & { host: string; port: number; logLevel: LogLevel; shutdownDeadlineMs: number } {
  const e = parseConfig('The gateway simulator', environment, env);
  return {
    host: e.SIMULATOR_HOST,
    port: e.SIMULATOR_PORT,
    logLevel: e.LOG_LEVEL,
    shutdownDeadlineMs: e.SHUTDOWN_DEADLINE_MS,
    publicUrl: (e.PUBLIC_URL ?? `http://127.0.0.1:${e.SIMULATOR_PORT}`).replace(/\/+$/, ''),
    midtransServerKey: e.MIDTRANS_SERVER_KEY,
    xenditSecretKey: e.XENDIT_SECRET_KEY,
    xenditCallbackToken: e.XENDIT_CALLBACK_TOKEN,
    midtransWebhookUrl: e.MIDTRANS_WEBHOOK_URL,
    xenditWebhookUrl: e.XENDIT_WEBHOOK_URL,
    xenditRefundWebhookUrl: e.XENDIT_REFUND_WEBHOOK_URL,
    webhookClockFactor: e.WEBHOOK_CLOCK_FACTOR,
    seed: e.SIMULATOR_SEED,
  };
}
