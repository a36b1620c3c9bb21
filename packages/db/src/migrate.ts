import { type Kysely, sql } from 'kysely';
import { type MigrationResultSet, Migrator } from 'kysely/migration';
import { openDatabase } from './database.ts';
import { addGatewayAccounts } from './gateway-accounts.ts';
import * as orders from './migrations/0001-orders.ts';
import * as cancelling from './migrations/0002-cancelling.ts';
import * as noForeignKeys from './migrations/0003-no-foreign-keys-from-a-batch.ts';
import * as ledger from './migrations/0004-ledger-from-to.ts';
import * as flashSales from './migrations/0005-flash-sales.ts';
import * as shipments from './migrations/0006-shipments.ts';
import * as payments from './migrations/0007-payments.ts';
import * as catalogue from './migrations/0008-catalogue.ts';
import * as intake from './migrations/0009-intake.ts';
import * as standardTerms from './migrations/0010-standard-terms.ts';
import * as paymentEventsOfAttempt from './migrations/0011-payment-events-of-attempt.ts';
import * as gatewayAccounts from './migrations/0012-gateway-accounts.ts';
import * as lifecycles from './migrations/0013-lifecycles.ts';
import * as commandOutcomes from './migrations/0014-command-outcomes.ts';
import * as manualRefunds from './migrations/0015-manual-refunds.ts';
import * as customerFee from './migrations/0016-customer-fee.ts';
import * as storefrontSettings from './migrations/0017-storefront-settings.ts';
import * as addStrayPayments from './migrations/0018-add-stray-payments.ts';
import * as statusCheckIndexes from './migrations/0019-status-check-indexes.ts';
import * as paymentRefused from './migrations/0020-payment-refused.ts';
import * as transferProofs from './migrations/0021-transfer-proofs.ts';
import * as transferCorrections from './migrations/0022-transfer-corrections.ts';
import * as paymentQuestions from './migrations/0023-payment-questions.ts';
import type { Database } from './schema.ts';

/** Each file of `migrations/` by its name, oldest first. `npm run migration` adds one. */
export const MIGRATIONS = {
  '0001-orders': orders,
  '0002-cancelling': cancelling,
  '0003-no-foreign-keys-from-a-batch': noForeignKeys,
  '0004-ledger-from-to': ledger,
  '0005-flash-sales': flashSales,
  '0006-shipments': shipments,
  '0007-payments': payments,
  '0008-catalogue': catalogue,
  '0009-intake': intake,
  '0010-standard-terms': standardTerms,
  '0011-payment-events-of-attempt': paymentEventsOfAttempt,
  '0012-gateway-accounts': gatewayAccounts,
  '0013-lifecycles': lifecycles,
  '0014-command-outcomes': commandOutcomes,
  '0015-manual-refunds': manualRefunds,
  '0016-customer-fee': customerFee,
  '0017-storefront-settings': storefrontSettings,
  '0018-add-stray-payments': addStrayPayments,
  '0019-status-check-indexes': statusCheckIndexes,
  '0020-payment-refused': paymentRefused,
  '0021-transfer-proofs': transferProofs,
  '0022-transfer-corrections': transferCorrections,
  '0023-payment-questions': paymentQuestions,
};

/**
 * Migrates the database to the newest schema, and adds the gateways' ledger accounts. Uses a session lock: connect
 * directly, not through a transaction-pooling PgBouncer. Throws with the name of the failed migration.
 */
export async function migrateToLatest(databaseUrl: string): Promise<void> {
  await migrate(databaseUrl, async (migrator, db) => {
    const migrated = await migrator.migrateToLatest();
    if (migrated.error === undefined) await addGatewayAccounts(db);
    return migrated;
  });
}

/**
 * Renames a column and states that running processes use. 0010 renames tables too; wherever it is pending, so is this one.
 */
const NEEDS_STOP: keyof typeof MIGRATIONS = '0015-manual-refunds';

/** Whether a pending migration requires that all processes are stopped; false for an empty database. */
export async function migrationNeedsStop(db: Kysely<Database>): Promise<boolean> {
  const { rows: found } = await sql`select 1 where to_regclass('kysely_migration') is not null`.execute(db);
  if (found.length === 0) return false;
  const { rows } = await sql<{ isDone: boolean }>`
    select bool_or(name = ${NEEDS_STOP}) as "isDone" from kysely_migration`.execute(db);
  return rows[0]?.isDone === false;
}

/** Migrates up to this migration, for tests of how a later one converts existing rows. */
export async function migrateTo(databaseUrl: string, migration: keyof typeof MIGRATIONS): Promise<void> {
  await migrate(databaseUrl, (migrator) => migrator.migrateTo(migration));
}

async function migrate(
  databaseUrl: string,
  run: (migrator: Migrator, db: Kysely<Database>) => Promise<MigrationResultSet>,
): Promise<void> {
  const db = openDatabase({ url: databaseUrl, maxConnections: 2, limits: false });
  try {
    const migrator = new Migrator({ db, provider: { getMigrations: async () => MIGRATIONS } });
    const { error, results } = await run(migrator, db);
    if (error !== undefined) {
      const failed =
        results?.find((result) => result.status === 'Error')?.migrationName ?? 'before the first';
      throw new Error(
        `Migration ${failed} failed and was rolled back. ${error instanceof Error ? error.message : JSON.stringify(error)}`,
        {
          cause: error,
        },
      );
    }
  } finally {
    await db.destroy();
  }
}
