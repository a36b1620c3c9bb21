import { z } from 'zod';
import { type Gateway, gateways } from './config.ts';

/**
 * The outcomes of refunds. succeed: accepted, and confirmed after a while. pending: accepted, and never confirmed. refuse:
 * Midtrans 202, Xendit `errorCode`. fail: Midtrans 414, Xendit accepted and later FAILED with `failureCode`.
 */
export const refundOutcomeBody = z.strictObject({
  gateway: z.enum(gateways),
  outcome: z.enum(['succeed', 'refuse', 'fail', 'pending']),
  /** If given, the open refunds of this order are decided now (succeed or fail), and later refunds are not affected. */
  orderId: z.string().optional(),
  /** The number of refunds; without it, all until the next call. */
  times: z.number().int().positive().optional(),
  errorCode: z.string().min(1).default('INSUFFICIENT_BALANCE'),
  failureCode: z
    .enum([
      'ACCOUNT_ACCESS_BLOCKED',
      'ACCOUNT_NOT_FOUND',
      'DUPLICATE_ERROR',
      'INSUFFICIENT_BALANCE',
      'REFUND_FAILED',
    ])
    .default('REFUND_FAILED'),
});
type Plan = z.infer<typeof refundOutcomeBody>;

export interface RefundOutcomes {
  plan(plan: Plan): void;
  take(gateway: Gateway): Pick<Plan, 'outcome' | 'errorCode' | 'failureCode'>;
}

const usual = {
  outcome: 'succeed',
  errorCode: 'INSUFFICIENT_BALANCE',
  failureCode: 'REFUND_FAILED',
} as const;

export function createRefundOutcomes(): RefundOutcomes {
  const plans: Partial<Record<Gateway, Plan>> = {};
  return {
    plan(plan) {
      plans[plan.gateway] = { ...plan };
    },
    take(gateway) {
      const plan = plans[gateway];
      if (!plan) return usual;
      if (plan.times !== undefined) {
        plan.times -= 1;
        if (plan.times === 0) delete plans[gateway];
      }
      return plan;
    },
  };
}
