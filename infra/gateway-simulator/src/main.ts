import closeWithGrace from 'close-with-grace';
import { buildSimulator } from './app.ts';
import { readConfig } from './config.ts';

const config = readConfig(process.env);
const app = buildSimulator(config);
closeWithGrace({ delay: 5000 }, async ({ err }) => {
  if (err) app.log.error(err);
  await app.close();
});
await app.listen({ host: config.host, port: config.port });
process.stdout.write(`gateway simulator on ${config.publicUrl}\n`);
