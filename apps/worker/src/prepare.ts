// Runs once before the API and the workers start: migrates the database. Where a demo key is given, it also adds
// the demo catalogue and lets that key place orders. Running it again changes nothing.
import { migrateToLatest, seedDemoCatalogue } from '@antrean/db';
import { DEFAULT_PREFIX, openFailFastRedis, putStorefrontKey, waitForRedis } from '@antrean/queue';
import { z } from 'zod';

const config = z
  .object({
    DATABASE_URL: z.url(),
    REDIS_URL: z.url(),
    QUEUE_PREFIX: z.string().min(1).default(DEFAULT_PREFIX),
    DEMO_STOREFRONT_KEY: z.string().min(16).optional(),
  })
  .safeParse(process.env);
if (!config.success) {
  const problems = config.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
  console.error(`The database cannot be prepared with this configuration:\n${problems.join('\n')}`);
  process.exit(1);
}
const { DATABASE_URL, REDIS_URL, QUEUE_PREFIX, DEMO_STOREFRONT_KEY: key } = config.data;

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
