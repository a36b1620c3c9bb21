import { GATEWAY_ACCOUNTS } from '@antrean/domain';
import { type Kysely, sql } from 'kysely';
import type { Database } from './schema.ts';

/** Enters the accounts of all gateways: the ledger takes the money of a gateway at these only. */
export async function addGatewayAccounts(db: Kysely<Database>): Promise<void> {
  await sql`
    insert into gateway_accounts (account) select unnest(${GATEWAY_ACCOUNTS}::text[])
    on conflict do nothing`.execute(db);
}
