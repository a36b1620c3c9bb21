import type { SimulatorConfig } from './config.ts';
import type { Ledger } from './ledger.ts';
import type { RefundOutcomes } from './refund-outcomes.ts';
import type { Switches } from './switches.ts';
import type { Webhooks } from './webhooks.ts';

/** What both gateways share. Held in memory: a restart forgets every instrument. */
export interface Shared {
  config: SimulatorConfig;
  /** Changed in place by the control API. */
  switches: Switches;
  ledger: Ledger;
  refundOutcomes: RefundOutcomes;
  webhooks: Webhooks;
  /** Runs something later, unless the simulator has stopped by then. */
  later(delayMs: number, run: () => void): void;
}
