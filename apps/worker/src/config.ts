import { DEFAULT_TRANSFER_POLICY, MAX_TRANSFER_CODE, type TransferPolicy } from '@antrean/domain';
import { gatewaySettings } from '@antrean/payments';
import { commonConfig, gatewayIdConfig, parseConfig, redisConfig } from '@antrean/process';
import { z } from 'zod';

const HOUR_MS = 3_600_000;

const account = z.strictObject({
  bank: z.string().min(1).max(40),
  accountNumber: z.string().regex(/^[0-9-]{4,30}$/),
  accountHolder: z.string().min(1).max(100),
});

const schema = z
  .object({
    ...commonConfig,
    DATABASE_URL: z.url(),
    ...redisConfig,
    WORKER_HEALTH_PORT: z.coerce.number().int().min(0).max(65_535).default(3100),
    WORKER_HEALTH_HOST: z.string().default('127.0.0.1'),
    /** More than twice the batch size, so that the next batch fills while one runs. */
    RESERVE_CONCURRENCY: z.coerce.number().int().min(1).max(2_000).default(400),
    RESERVE_BATCH_SIZE: z.coerce.number().int().min(1).max(1_000).default(150),
    /** Order commands in one transaction. */
    ORDER_COMMAND_BATCH_SIZE: z.coerce.number().int().min(1).max(1_000).default(100),
    SWEEP_INTERVAL_MS: z.coerce.number().int().min(50).default(5_000),
    /**
     * Two consecutive calls, each after the wait for its permit, must end within the lease of a payment attempt, 45
     * s.
     */
    GATEWAY_TIMEOUT_MS: z.coerce.number().int().min(100).max(12_000).default(10_000),
    /** The shop's bank accounts for transfers: `bank:number:holder`, several separated by semicolons. */
    BANK_ACCOUNTS: z
      .string()
      .transform((text) =>
        text.split(';').map((one) => {
          const [bank = '', accountNumber = '', ...holder] = one.split(':').map((part) => part.trim());
          return { bank, accountNumber, accountHolder: holder.join(':') };
        }),
      )
      .pipe(z.array(account)),
    /** The most that a transfer amount is above its order's total, in rupiah. */
    TRANSFER_CODE_MAX: z.coerce
      .number()
      .int()
      .min(1)
      .max(MAX_TRANSFER_CODE)
      .default(DEFAULT_TRANSFER_POLICY.maxCode),
    /** By how many hours a proof of transfer extends the deadline of its order, once. */
    TRANSFER_PROOF_HOURS: z.coerce
      .number()
      .int()
      .min(0)
      .max(168)
      .default(DEFAULT_TRANSFER_POLICY.proofExtendsMs / HOUR_MS),
    /** The percentage of a product's stock, and of a sale item's quota, that orders with such a proof hold at most. */
    TRANSFER_PROOF_STOCK_PERCENT: z.coerce
      .number()
      .int()
      .min(0)
      .max(100)
      .default(DEFAULT_TRANSFER_POLICY.proofStockPercent),
    /** Whether second and late payments are refunded without an operator. */
    REFUND_BY_ITSELF: z
      .enum(['true', 'false'])
      .default('true')
      .transform((value) => value === 'true'),
    ...gatewayIdConfig,
  })
  .and(gatewaySettings.transform((gateways) => ({ gateways })))
  // Not a record: process.env is no plain object.
  .and(z.unknown().transform((env) => ({ ignoredProxy: ignoredProxyOf(env) })));

/** Names of variables with a proxy that Node does not use, as it uses proxies only when it is told to. */
function ignoredProxyOf(env: unknown): string[] {
  const set = new Map(typeof env === 'object' && env !== null ? Object.entries(env) : []);
  if (set.get('NODE_USE_ENV_PROXY') === '1') return [];
  return [...set.keys()].filter((name) => /^https?_proxy$/i.test(name) && set.get(name) !== '');
}

export type WorkerConfig = z.infer<typeof schema>;

export const transferPolicyOf = (config: WorkerConfig): TransferPolicy => ({
  maxCode: config.TRANSFER_CODE_MAX,
  proofExtendsMs: config.TRANSFER_PROOF_HOURS * HOUR_MS,
  proofStockPercent: config.TRANSFER_PROOF_STOCK_PERCENT,
});

/** Throws with the name of every bad value. */
export const readConfig = (env: NodeJS.ProcessEnv): WorkerConfig => parseConfig('The worker', schema, env);
