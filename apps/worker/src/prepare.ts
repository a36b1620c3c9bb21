// Runs once before the API and the workers start: migrates the database. Where a demo key is given, it also adds
// the demo catalogue and lets that key place orders. Running it again changes nothing.
import { migrateToLatest, seedDemoCatalogue } from '@antrean/db';
import { configOrExit, parseConfig } from '@antrean/process';
import { DEFAULT_PREFIX, openFailFastRedis, putStorefrontKey, waitForRedis } from '@antrean/queue';
import { z } from 'zod';

const schema = z.object({
  DATABASE_URL: z.url(),
  REDIS_URL: z.url(),
  QUEUE_PREFIX: z.string().min(1).default(DEFAULT_PREFIX),
  DEMO_STOREFRONT_KEY: z.string().min(16).optional(),
});
const config = configOrExit(() => parseConfig('The preparation', schema, process.env));
const { DATABASE_URL, REDIS_URL, QUEUE_PREFIX, DEMO_STOREFRONT_KEY: key } = config;

await migrateToLatest(DATABASE_URL);
console.log('Database migrated.');
if (key !== undefined) {
  await seedDemoCatalogue(DATABASE_URL);
  const redis = openFailFastRedis(REDIS_URL);
  try {
    await waitForRedis(redis, 10_000);
    await putStorefrontKey(redis, QUEUE_PREFIX, key, {
      storefrontId: 'demo',
      kind: 'secret',
      name: 'Demo storefront',
    });
  } finally {
    redis.disconnect();
  }
  console.log('Demo catalogue and demo storefront key in place.');
}
