import type {
  GatewayAccount,
  PaymentExceptionKind,
  PaymentExceptionState,
  RefundState,
} from '@antrean/domain';
import { type Kysely, sql } from 'kysely';
import type { Database } from './schema.ts';

/** An order normally has few rows of each kind. If it has more than this, only the newest are read. */
const MAX_ROWS_OF_KIND = 100;

/** What an order has beside its status: personal data, and its money. Times are ISO 8601. */
export interface StoredDetails {
  orderId: string;
  customer: { id?: string; name: string; email: string; phone: string };
  shippingAddress: Record<string, string> | null;
  note: string | null;
  returnUrl: string | null;
  shippingFeeRupiah: number;
  /** Oldest first, as are the others. */
  receipts: { account: GatewayAccount; amountRupiah: number; at: string }[];
  refunds: { id: string; amountRupiah: number; state: RefundState; reason: string; at: string }[];
  exceptions: {
    id: number;
    kind: PaymentExceptionKind;
    state: PaymentExceptionState;
    amountRupiah: number | null;
    at: string;
  }[];
}

/** The details of these orders, in one statement. Unknown ids are absent. */
export async function readOrderDetails(
  db: Kysely<Database>,
  orderIds: readonly string[],
): Promise<StoredDetails[]> {
  const { rows } = await sql<StoredDetails>`
    select o.id as order_id, o.customer, o.shipping_address, o.note, o.return_url, o.shipping_fee_rupiah,
           (select coalesce(json_agg(json_build_object('account', m.debit, 'amountRupiah', m.amount_rupiah, 'at', m.at)
                                     order by m.id), '[]')
            from (select * from money_movements p where order_id = o.id and kind = 'payment'
                    and not exists (select from money_movements u
                                    where u.kind = 'payment_undone' and u.reference = p.reference)
                  order by id desc limit ${MAX_ROWS_OF_KIND}) m) as receipts,
           (select coalesce(json_agg(json_build_object('id', r.id, 'amountRupiah', r.amount_rupiah, 'state', r.state,
                                                       'reason', r.reason, 'at', r.created_at)
                                     order by r.created_at, r.id), '[]')
            from (select r.* from refunds r join payment_attempts a on a.id = r.attempt_id where a.order_id = o.id
                  order by r.created_at desc limit ${MAX_ROWS_OF_KIND}) r) as refunds,
           (select coalesce(json_agg(json_build_object('id', e.id, 'kind', e.kind, 'state', e.state,
                                                       'amountRupiah', e.amount_rupiah, 'at', e.opened_at)
                                     order by e.id), '[]')
            from (select * from payment_exceptions where order_id = o.id
                  order by id desc limit ${MAX_ROWS_OF_KIND}) e) as exceptions
    from orders o where o.id = any(${orderIds}::uuid[])`.execute(db);
  return rows;
}
