// Runs once before the API and the workers start: migrates the database. Where a demo key is given, it also adds
// the demo catalogue and lets that key place orders. Running it again changes nothing.
import {
  addStorefrontKey,
  liveStorefronts,
  migrateToLatest,
  openDatabase,
  putStorefront,
  seedDemoCatalogue,
} from '@antrean/db';
import { configOrExit, parseConfig, redisConfig } from '@antrean/process';
import {
  bumpCatalogue,
  DEFAULT_LIMITS,
  digestOfKey,
  Keyspace,
  openRequestRedis,
  SCOPES,
  waitForRedis,
} from '@antrean/redis';
import { z } from 'zod';
import { projectAllStorefronts } from './storefronts.ts';

const schema = z.object({
  DATABASE_URL: z.url(),
  ...redisConfig,
  DEMO_STOREFRONT_KEY: z.string().min(16).optional(),
});
const config = configOrExit(() => parseConfig('The preparation', schema, process.env));
const { DATABASE_URL, REDIS_URL, QUEUE_PREFIX, DEMO_STOREFRONT_KEY: key } = config;
const keyspace = new Keyspace(QUEUE_PREFIX);

await migrateToLatest(DATABASE_URL);
console.log('Database migrated.');
if (key !== undefined) {
  await seedDemoCatalogue(DATABASE_URL);
  const db = openDatabase({ url: DATABASE_URL, maxConnections: 1 });
  const redis = openRequestRedis(REDIS_URL);
  try {
    await waitForRedis(redis, 10_000);
    await bumpCatalogue(redis, keyspace);
    const { storefronts } = await liveStorefronts(db);
    // Its limits may have been changed since.
    if (!storefronts.some(({ id }) => id === 'demo')) {
      await putStorefront(db, { id: 'demo', ...DEFAULT_LIMITS }, 'preparation');
    }
    const digest = digestOfKey(key);
    await addStorefrontKey(db, {
      ...{
        id: `key_demo_${digest.slice(0, 8)}`,
        storefrontId: 'demo',
        kind: 'secret',
        name: 'Demo storefront',
      },
      ...{ digest, scopes: [...SCOPES], origins: [], createdBy: 'preparation' },
    });
    await projectAllStorefronts(db, redis, keyspace);
  } finally {
    redis.disconnect();
    await db.destroy();
  }
  console.log('Demo catalogue and demo storefront key in place.');
}
