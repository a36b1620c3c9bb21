import { readOrders } from '@antrean/db';
import type { OrderState } from '@antrean/domain';
import { z } from 'zod';
import { type CommandRequest, runJob, type Unanswered } from './command.ts';
import type { BackofficeContext } from './context.ts';
import { line } from './input.ts';

export const heldOrderInput = z.object({ orderId: z.uuid(), reason: line });

type NotMoved =
  | { kind: 'unknown_order' }
  /** The order stays in this state. */
  | { kind: 'kept'; state: OrderState };

export type ReleaseOrderAnswer = { kind: 'released' } | NotMoved | Unanswered;
export type VoidOrderAnswer = { kind: 'voided' } | NotMoved | Unanswered;

/** Releases a held order for shipment, if its payment was not taken back. */
export async function releaseOrder(
  context: BackofficeContext,
  request: CommandRequest,
  input: z.output<typeof heldOrderInput>,
): Promise<ReleaseOrderAnswer> {
  if ((await stateOf(context, input.orderId)) === undefined) return { kind: 'unknown_order' };
  const prepare = async () => input;
  const answer = await runJob(context, request, { job: 'release-order', asked: input, prepare });
  return answer.kind === 'kept' ? keptIn(context, input.orderId) : answer;
}

/** Ends a held order whose payment was taken back; its stock is released. */
export async function voidOrder(
  context: BackofficeContext,
  request: CommandRequest,
  input: z.output<typeof heldOrderInput>,
): Promise<VoidOrderAnswer> {
  if ((await stateOf(context, input.orderId)) === undefined) return { kind: 'unknown_order' };
  const prepare = async () => input;
  const answer = await runJob(context, request, { job: 'void-order', asked: input, prepare });
  return answer.kind === 'kept' ? keptIn(context, input.orderId) : answer;
}

async function stateOf({ db }: BackofficeContext, orderId: string): Promise<OrderState | undefined> {
  const [order] = await readOrders(db, [orderId]);
  return order?.state;
}

async function keptIn(context: BackofficeContext, orderId: string): Promise<NotMoved> {
  const state = await stateOf(context, orderId);
  return state === undefined ? { kind: 'unknown_order' } : { kind: 'kept', state };
}
