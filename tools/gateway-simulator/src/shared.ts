import type { SimulatorConfig } from './config.ts';
import type { Ledger } from './ledger.ts';
import type { RefundOutcomes } from './refund-outcomes.ts';
import type { Switches } from './switches.ts';
import type { Webhooks } from './webhooks.ts';

/** State and services of both gateways, in memory: a restart forgets all payments. */
export interface Shared {
  config: SimulatorConfig;
  /** The control API changes it in place. */
  switches: Switches;
  ledger: Ledger;
  refundOutcomes: RefundOutcomes;
  webhooks: Webhooks;
  /** Runs a function later, unless the simulator has stopped by then. */
  later(delayMs: number, run: () => void): void;
}
