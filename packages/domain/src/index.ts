// The order's lifecycle: states, allowed moves, jobs, deadlines.
export {
  CLOSED_STATE,
  type ClosingReason,
  isFinal,
  lifecycleOf,
  mayMove,
  ORDER_LIFECYCLE,
  ORDER_STATES,
  PAYMENT_WINDOW_MS,
  type LifecycleRow,
  type OrderState,
  type RejectionReason,
  REJECTION_REASONS,
} from './order-lifecycle.ts';

// Stock: who gets what is on the shelf.
export {
  allot,
  type Allotment,
  type AllottedLine,
  type LockedProduct,
  type RejectedLine,
  type OrderToAllot,
} from './allotment.ts';

// How an order is shown.
export { orderStatusOf, type OrderStatus, type OrderView } from './order-status.ts';
