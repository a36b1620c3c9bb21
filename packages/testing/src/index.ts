export { GATEWAY_SECRETS } from './gateways.ts';
export { createTestDatabase, type TestDatabase } from './test-database.ts';
