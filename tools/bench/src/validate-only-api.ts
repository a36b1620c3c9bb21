// The API without Redis, which validates orders and answers them.
import { readConfig } from '@antrean/api';
import { runProcess } from '@antrean/process';
import { buildAppWithoutRedis } from './app-without-redis.ts';

const config = readConfig(process.env);
const { LOG_LEVEL: logLevel, SHUTDOWN_DEADLINE_MS: shutdownDeadlineMs } = config;
await runProcess({ name: 'api', logLevel, shutdownDeadlineMs }, async (log) => {
  const app = await buildAppWithoutRedis(config, log);
  await app.listen({ host: config.API_HOST, port: config.API_PORT });
  return { stop: () => app.close() };
});
