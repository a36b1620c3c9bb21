/**
 * The shape of the four lifecycles: order, payment attempt, refund, payment exception. Each is a table with one row
 * for each state. The state changes only along that table.
 */
export interface LifecycleRow<State extends string = string> {
  /** The states that may follow this one. */
  readonly next: readonly State[];
  /**
   * Who makes the next move; null in a final state. A job is named as in the queue; `gateway` is a status check or a
   * webhook.
   */
  readonly movedBy:
    | 'reserve-order'
    | 'create-payment'
    | 'expire-order'
    | 'release-hold'
    | 'send-refund'
    | 'gateway'
    | 'admin'
    | null;
  /** After this time in the state, the sweeper adds the job again, or a worker checks at the gateway. */
  readonly overdueAfterMs?: number;
}

export type Lifecycle<State extends string> = Readonly<Record<State, LifecycleRow<State>>>;

export function mayStep<State extends string>(table: Lifecycle<State>, from: State, to: State): boolean {
  return table[from].next.includes(to);
}

/** The states from which `to` may follow: what an update expects. */
export function statesBefore<State extends string>(table: Lifecycle<State>, to: State): State[] {
  return statesOf(table).filter((from) => mayStep(table, from, to));
}

export function statesOf<State extends string>(table: Lifecycle<State>): State[] {
  return Object.keys(table) as State[];
}

export function stepsOf<State extends string>(table: Lifecycle<State>): { from: State; to: State }[] {
  return statesOf(table).flatMap((from) => table[from].next.map((to) => ({ from, to })));
}
