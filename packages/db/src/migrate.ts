import { Migrator } from 'kysely/migration';
import { openDatabase } from './database.ts';
import * as orders from './migrations/0001-orders.ts';

const MIGRATIONS = { '0001-orders': orders };

/**
 * Brings the database to the newest schema. Uses a session lock: connect directly, not through a
 * transaction-pooling PgBouncer. Throws with the failing migration's name.
 */
export async function migrateToLatest(databaseUrl: string): Promise<void> {
  const db = openDatabase({ url: databaseUrl, maxConnections: 2, limits: false });
  try {
    const migrator = new Migrator({ db, provider: { getMigrations: async () => MIGRATIONS } });
    const { error, results } = await migrator.migrateToLatest();
    if (error !== undefined) {
      const failed =
        results?.find((result) => result.status === 'Error')?.migrationName ?? 'before the first';
      throw new Error(
        `Migration ${failed} failed; nothing of it was kept. ${error instanceof Error ? error.message : JSON.stringify(error)}`,
        {
          cause: error,
        },
      );
    }
  } finally {
    await db.destroy();
  }
}
