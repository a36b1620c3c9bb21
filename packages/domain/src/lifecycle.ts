/**
 * The shape of the four lifecycles: order, payment attempt, refund, payment exception. Each is a table with one row a
 * state, and what it describes changes its state along that table and in no other way.
 */
export interface LifecycleRow<State extends string = string> {
  /** The states that it may come into from here. */
  readonly next: readonly State[];
  /** Who moves it on; null in a final state. A job has its name in the queue, a gateway is asked or sends a webhook. */
  readonly movedBy:
    | 'reserve-order'
    | 'create-payment'
    | 'expire-order'
    | 'release-hold'
    | 'send-refund'
    | 'gateway'
    | 'admin'
    | null;
  /** After this long in the state, the sweeper adds the job again, or the gateway is asked. */
  readonly overdueAfterMs?: number;
}

export type Lifecycle<State extends string> = Readonly<Record<State, LifecycleRow<State>>>;

export function mayStep<State extends string>(table: Lifecycle<State>, from: State, to: State): boolean {
  return table[from].next.includes(to);
}

/** The states from which it may come into this one: what an update expects. */
export function statesBefore<State extends string>(table: Lifecycle<State>, to: State): State[] {
  return statesOf(table).filter((from) => mayStep(table, from, to));
}

export function statesOf<State extends string>(table: Lifecycle<State>): State[] {
  return Object.keys(table) as State[];
}

export function stepsOf<State extends string>(table: Lifecycle<State>): { from: State; to: State }[] {
  return statesOf(table).flatMap((from) => table[from].next.map((to) => ({ from, to })));
}
