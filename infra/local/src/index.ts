export { type PostgresOptions, type RunningService, startPostgres } from './postgres.ts';
export { type RedisOptions, startRedis } from './redis.ts';
export { type Services, type ServicesOptions, startServices } from './services.ts';
export { createTestDatabase, type TestDatabase } from './test-database.ts';

// For the benchmarks, too: what may become of payments.
export { checkPaymentsModel } from './payments-model/check.ts';
