import { inject } from 'vitest';
import { createTestDatabase, type TestDatabase } from './test-database.ts';

export { testKeyspace } from './test-keyspace.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** This user may create and drop databases. */
    databaseAdminUrl: string;
    /** A migrated database; copy it with createTestDatabase. */
    templateDatabase: string;
    redisUrl: string;
  }
}

/** The stores of the test run, for startShop: a database of its own, and the Redis that all tests share. */
export const stores = () => ({
  database: { adminUrl: inject('databaseAdminUrl'), template: inject('templateDatabase') },
  redisUrl: inject('redisUrl'),
});

/** A migrated database for one test. */
export const testDatabase = (): Promise<TestDatabase> =>
  createTestDatabase(inject('databaseAdminUrl'), inject('templateDatabase'));

/** An empty database for one test. */
export const emptyDatabase = (): Promise<TestDatabase> => createTestDatabase(inject('databaseAdminUrl'));

/** The Redis that all tests share; each test uses its own keyspace. */
export const redisUrl = (): string => inject('redisUrl');

/** The PostgreSQL that all tests share. */
export const postgresUrl = (): string => inject('databaseAdminUrl');
