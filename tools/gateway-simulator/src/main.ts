import { configOrExit, runProcess } from '@antrean/process';
import { buildSimulator } from './app.ts';
import { readConfig } from './config.ts';

const config = configOrExit(() => readConfig(process.env));
await runProcess({ name: 'simulator', ...config }, async (log) => {
  const app = buildSimulator(config, log);
  await app.listen({ host: config.host, port: config.port });
  return { stop: () => app.close() };
});
