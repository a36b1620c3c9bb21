import { closeOrder } from './closing.ts';
import type { CommandOutcomes, OrderCommand } from './commands.ts';
import { type DecisionContext, Draft, type Why } from './draft.ts';
import { append, type EffectLists, type EffectRows, type Effects } from './effects.ts';
import { closeSettledExceptions } from './exception-facts.ts';
import { correctTransfer } from './correct-transfer.ts';
import { shipOrder } from './fulfilment.ts';
import { receiveGoods } from './goods-receipt.ts';
import { releaseHold, voidOrder } from './hold.ts';
import { receivePayment } from './payment-received.ts';
import { endRefund, recordExternalRefund, requestRefund } from './refund.ts';
import { undoPayment } from './reversal.ts';
import { SharedStock } from './shared-stock.ts';
import { aggregatesOf, type LoadedState, type OrderAggregate } from './state.ts';
import { reportUnconfirmed } from './unconfirmed.ts';

type CommandOfAnOrder = Exclude<OrderCommand, { kind: 'receive' }>;
type Outcome = CommandOutcomes[OrderCommand['kind']];

interface Decision {
  outcome: Outcome;
  effects: Effects;
  /** The order after the command. */
  next: OrderAggregate;
}

/** Decides one command for its order. Pure: it does not change the given order. */
export function decideOrderCommand(
  aggregate: OrderAggregate,
  command: CommandOfAnOrder,
  context: DecisionContext,
): Decision {
  const draft = new Draft(aggregate, context);
  const outcome = decide(draft, command);
  closeSettledExceptions(draft);
  draft.showChange(whyShown(command));
  return { outcome, effects: draft.effects, next: draft.aggregate };
}

function decide(draft: Draft, command: CommandOfAnOrder): Outcome {
  switch (command.kind) {
    case 'pay':
      return receivePayment(draft, command);
    case 'correct_transfer':
      return correctTransfer(draft, command);
    case 'report_unconfirmed':
      return reportUnconfirmed(draft, command);
    case 'undo':
      return undoPayment(draft, command);
    case 'record_external_refund':
      return recordExternalRefund(draft, command);
    case 'void':
      return voidOrder(draft, command);
    case 'release_hold':
      return releaseHold(draft, command);
    case 'close':
      return closeOrder(draft, command);
    case 'request_refund':
      return requestRefund(draft, command);
    case 'end_refund':
      return endRefund(draft, command);
    case 'ship':
      return shipOrder(draft, command);
  }
  return command satisfies never;
}

/** Why the order gets a version when only what is shown of it changes. */
function whyShown(command: CommandOfAnOrder): Why {
  switch (command.kind) {
    case 'pay':
      return { actor: command.actor, reason: `${command.actor} reports money of ${command.attemptId}` };
    case 'report_unconfirmed':
      return { actor: 'worker', reason: `an announced payment of ${command.attemptId} is being checked` };
    case 'correct_transfer':
      return { actor: command.actor, reason: `the entry of ${command.bankReference} was corrected` };
    case 'undo':
      return { actor: command.actor, reason: `${command.how} of ${command.attemptId}` };
    case 'record_external_refund':
      return { actor: command.actor, reason: `${command.attemptId} was refunded elsewhere` };
    case 'request_refund':
      return { actor: command.actor, reason: `refund ${command.refundId} was requested` };
    case 'end_refund':
      return { actor: command.actor, reason: `refund ${command.refundId} ended as ${command.outcome}` };
    case 'void':
    case 'release_hold':
    case 'close':
    case 'ship': {
      const actor = 'actor' in command ? command.actor : 'worker';
      return { actor, reason: `${command.kind} changed what is shown of its money` };
    }
  }
  return command satisfies never;
}

/**
 * Decides the commands of a round in the given order, each on the result of the earlier ones. Pure and deterministic.
 * The effects of all commands are returned together.
 */
export function decideOrderCommands(
  loaded: LoadedState,
  commands: readonly OrderCommand[],
  options: Pick<DecisionContext, 'now' | 'refundByItself'>,
): { outcomes: Outcome[]; effects: Effects } {
  const aggregates = aggregatesOf(loaded);
  const sharedStock = new SharedStock(loaded);
  const exceptions = new Map(loaded.exceptions.map((exception) => [exception.id, exception]));
  const context = { ...options, exceptions, sharedStock };
  const all: Effects[] = [];
  const outcomes = commands.map((command) => {
    const { outcome, effects } =
      command.kind === 'receive'
        ? receiveGoods(sharedStock, command)
        : decideNext(aggregates, command, context);
    sharedStock.move(effects.stockMovements ?? []);
    all.push(effects);
    return outcome;
  });
  return { outcomes, effects: joined(all) };
}

function decideNext(
  aggregates: Map<string, OrderAggregate>,
  command: CommandOfAnOrder,
  context: DecisionContext,
): Decision {
  const aggregate = aggregates.get(command.orderId);
  if (aggregate === undefined) throw new Error(`Order ${command.orderId} is not in the database.`);
  const decision = decideOrderCommand(aggregate, command, context);
  aggregates.set(command.orderId, decision.next);
  return decision;
}

function joined(all: readonly Effects[]): Effects {
  const sum: EffectLists = {};
  for (const effects of all)
    for (const list of Object.keys(effects) as (keyof EffectRows)[]) append(sum, list, effects[list] ?? []);
  return sum;
}
