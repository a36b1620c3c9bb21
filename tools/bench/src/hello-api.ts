// A hello route with a body of HELLO_BYTES and our log: in an app without our plugins, or with HELLO_PLUGINS in our own app
// with all plugins, where it makes no request to Redis.
import { readConfig } from '@antrean/api';
import { runProcess } from '@antrean/process';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import { buildAppWithoutRedis } from './app-without-redis.ts';

const config = readConfig(process.env);
const { LOG_LEVEL: logLevel, SHUTDOWN_DEADLINE_MS: shutdownDeadlineMs } = config;
const bytes = Number(process.env['HELLO_BYTES']);
const hello = {
  hello: 'world',
  padding: 'x'.repeat(Math.max(bytes - '{"hello":"world","padding":""}'.length, 0)),
};

await runProcess({ name: 'hello', logLevel, shutdownDeadlineMs }, async (log) => {
  const app =
    process.env['HELLO_PLUGINS'] === undefined ? plainApp(log) : await buildAppWithoutRedis(config, log);
  // Not part of the API's description.
  app.get('/hello', { config: { access: 'public' }, schema: { hide: true } }, async () => hello);
  await app.listen({ host: config.API_HOST, port: config.API_PORT });
  return { stop: () => app.close() };
});

function plainApp(log: FastifyBaseLogger): FastifyInstance {
  return Fastify({ loggerInstance: log, logController: new LogController({ disableRequestLogging: true }) });
}
