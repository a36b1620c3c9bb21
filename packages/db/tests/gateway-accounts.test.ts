import { randomUUID } from 'node:crypto';
import { type Database, type Kysely, migrateToLatest, openDatabase } from '@antrean/db';
import { sql } from 'kysely';
import { GATEWAY_ACCOUNTS } from '@antrean/domain';
import type { TestDatabase } from '@antrean/testing';
import { testDatabase } from '@antrean/testing/vitest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let database: TestDatabase;
let db: Kysely<Database>;
beforeAll(async () => {
  database = await testDatabase();
  db = openDatabase({ url: database.url, maxConnections: 1 });
});
afterAll(async () => {
  await db.destroy();
  await database.drop();
});

const accounts = async () =>
  (
    await sql<{ account: string }>`select account from gateway_accounts order by account`.execute(db)
  ).rows.map(({ account }) => account);
const move = (kind: string, debit: string, credit: string) =>
  sql`
    insert into money_movements (order_id, kind, debit, credit, amount_rupiah, reference, actor)
    values (${randomUUID()}, ${kind}, ${debit}, ${credit}, 1, ${randomUUID()}, 'test')`.execute(db);

describe('the money ledger', () => {
  it('has the account of every gateway, even of one newer than its last migration', async () => {
    expect(await accounts()).toEqual(GATEWAY_ACCOUNTS.toSorted());
    const newest = GATEWAY_ACCOUNTS.at(-1) ?? '';
    await sql`delete from gateway_accounts where account = ${newest}`.execute(db);
    await migrateToLatest(database.url);
    expect(await accounts()).toEqual(GATEWAY_ACCOUNTS.toSorted());
  });

  it.each(GATEWAY_ACCOUNTS)('books the money of a gateway to its account %s', async (account) => {
    await move('payment', account, 'customer');
    await move('refund', 'customer', account);
    await move('fee', 'fees', account);
  });

  it('has an account of its own for the fees that customers pay to gateways', async () => {
    await move('customer_fee', 'customer', 'customer_fees');
    await move('customer_fee_undone', 'customer_fees', 'customer');
  });

  it.each([
    ['payment', 'nowhere', 'customer'],
    ['payment', 'sales', 'customer'],
    ['refund', 'customer', 'fees'],
    ['reversal', 'customer', 'nowhere'],
    ['chargeback', 'customer', 'transfer_codes'],
    ['fee', 'fees', 'customer'],
  ])('refuses a %s of an account that belongs to no gateway: %s, %s', async (kind, debit, credit) => {
    await expect(move(kind, debit, credit)).rejects.toMatchObject({
      code: '23514',
      constraint: 'money_movements_at_a_gateway',
    });
  });

  it.each([
    ['payment', 'bank', 'sales'],
    ['customer_fee', 'customer', 'fees'],
    ['customer_fee_undone', 'midtrans', 'customer'],
    ['refund', 'sales', 'bank'],
    ['fee', 'customer', 'bank'],
    ['sale', 'bank', 'customer'],
  ])('refuses a %s between other accounts than those of its kind: %s, %s', async (kind, debit, credit) => {
    await expect(move(kind, debit, credit)).rejects.toMatchObject({
      code: '23514',
      constraint: 'money_movements_kind_moves',
    });
  });
});
