import type { AcceptedOrder } from '@antrean/queue';
import type pg from 'pg';

interface LockedLine {
  id: string;
  name: string;
  price: string;
  on_hand: number;
  reserved: number;
  committed: number;
}

/**
 * The form that most shops begin with, for comparison: one transaction for each order, FOR UPDATE NOWAIT on the product's
 * stock, and the queue's exponential backoff when the row is locked.
 */
export async function reserveNaively(pool: pg.Pool, order: AcceptedOrder): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const found = await client.query('select 1 from orders where id = $1', [order.orderId]);
    if (found.rowCount === 0) {
      let total = order.shippingFeeRupiah;
      let inStock = true;
      const lines = [];
      for (const { sku, quantity } of order.items) {
        const { rows } = await client.query<LockedLine>(
          `select p.id, p.name, p.price_rupiah as price, s.on_hand, s.reserved, s.committed
           from products p join stock s on s.product_id = p.id where p.sku = $1 for update of s nowait`,
          [sku],
        );
        const [product] = rows;
        if (product === undefined) throw new Error(`the product ${sku} does not exist`);
        total += Number(product.price) * quantity;
        inStock &&= product.on_hand - product.reserved - product.committed >= quantity;
        lines.push({ ...product, sku, quantity });
      }
      await client.query(
        `insert into orders (id, storefront_id, idempotency_key, fingerprint, request_id, state, reason, version,
           payment_method, customer, shipping_address, shipping_fee_rupiah, total_rupiah, accepted_at)
         values ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9, $10, $11, $12, now())`,
        [
          order.orderId,
          order.storefrontId,
          order.idempotencyKey,
          order.fingerprint,
          order.requestId,
          inStock ? 'reserved' : 'rejected',
          inStock ? null : 'out_of_stock',
          order.paymentMethod,
          order.customer,
          order.shippingAddress,
          order.shippingFeeRupiah,
          total,
        ],
      );
      for (const [index, line] of lines.entries()) {
        await client.query(
          `insert into order_items (order_id, line_no, product_id, sku, name, quantity, unit_price_rupiah)
           values ($1, $2, $3, $4, $5, $6, $7)`,
          [order.orderId, index + 1, line.id, line.sku, line.name, line.quantity, line.price],
        );
        if (!inStock) continue;
        const reserved = line.reserved + line.quantity;
        await client.query('update stock set reserved = $2 where product_id = $1', [line.id, reserved]);
        await client.query(
          `insert into inventory_movements (product_id, order_id, kind, on_hand_from, on_hand_to, reserved_from,
             reserved_to, committed_from, committed_to, actor, reason)
           values ($1, $2, 'reserve', $3, $3, $4, $5, $6, $6, 'naive', 'order reserved')`,
          [line.id, order.orderId, line.on_hand, line.reserved, reserved, line.committed],
        );
      }
    }
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}
