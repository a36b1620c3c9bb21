import { inject } from 'vitest';
import { createTestDatabase, type TestDatabase } from './test-database.ts';

export { testKeyspace } from './test-keyspace.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** May create and drop databases. */
    databaseAdminUrl: string;
    /** Migrated; copy it with createTestDatabase. */
    templateDatabase: string;
    redisUrl: string;
  }
}

/** The stores of the test run, as startShop takes them: a database of its own, and the Redis that all tests share. */
export const stores = () => ({
  database: { adminUrl: inject('databaseAdminUrl'), template: inject('templateDatabase') },
  redisUrl: inject('redisUrl'),
});

/** A migrated database of a test's own. */
export const testDatabase = (): Promise<TestDatabase> =>
  createTestDatabase(inject('databaseAdminUrl'), inject('templateDatabase'));

/** An empty database of a test's own. */
export const emptyDatabase = (): Promise<TestDatabase> => createTestDatabase(inject('databaseAdminUrl'));

/** The Redis that all tests share: each takes keys of its own. */
export const redisUrl = (): string => inject('redisUrl');

/** The PostgreSQL that all tests share. */
export const postgresUrl = (): string => inject('databaseAdminUrl');
