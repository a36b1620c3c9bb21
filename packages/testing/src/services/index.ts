// PostgreSQL and Redis: as child processes, or those that environment variables name.
export { type PostgresOptions, rootDataDirectory, type RunningService, startPostgres } from './postgres.ts';
export { installedProgram, type Program, unpackedProgram } from './debian-package.ts';
export { type RedisOptions, startRedis } from './redis.ts';
export { startRedisCluster } from './redis-cluster.ts';
export { type Services, type ServicesOptions, startServices } from './services.ts';
export { removeVolume } from './containers.ts';

// What processes are told of the simulated gateways.
export { gatewayBaseUrls, gatewaySecrets, gatewayWebhookUrls } from '../gateways.ts';

// Processes: ports, exits, and the guardian that cleans up after a crash.
export { isAlive, processIdentity } from './liveness.ts';
export { freePort, guard, guardDirectory, isProcessIn, release, repoRoot, stopPid } from './process.ts';
