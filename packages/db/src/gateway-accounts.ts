import { GATEWAY_ACCOUNTS } from '@antrean/domain';
import { type Kysely, sql } from 'kysely';
import type { Database } from './schema.ts';

/** Adds the ledger accounts of all gateways. The ledger books a gateway's money only to one of these. */
export async function addGatewayAccounts(db: Kysely<Database>): Promise<void> {
  await sql`
    insert into gateway_accounts (account) select unnest(${GATEWAY_ACCOUNTS}::text[])
    on conflict do nothing`.execute(db);
}
