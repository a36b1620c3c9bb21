// The release step runs once before the processes of a release start. It migrates PostgreSQL and moves queued data in Redis
// (see upgrade.ts). With a demo key it also adds the demo catalogue and lets that key place orders. Running it again
// changes nothing.
import { projectAllStorefronts } from '@antrean/backoffice';
import { addProducts, addStorefrontKey, liveStorefronts, openDatabase, putStorefront } from '@antrean/db';
import { configOrExit, parseConfig, redisConfig } from '@antrean/process';
import {
  bumpCatalogue,
  DEFAULT_LIMITS,
  digestOfKey,
  Keyspace,
  openWorkerRedis,
  SCOPES,
  waitForRedis,
} from '@antrean/redis';
import { z } from 'zod';
import { DEMO_CATALOGUE } from './demo-catalogue.ts';
import { StillRunningError, upgrade } from './upgrade.ts';

const schema = z.object({
  DATABASE_URL: z.url(),
  ...redisConfig,
  DEMO_STOREFRONT_KEY: z.string().min(16).optional(),
});
const config = configOrExit(() => parseConfig('The release step', schema, process.env));
const { DATABASE_URL, REDIS_URL, QUEUE_PREFIX, DEMO_STOREFRONT_KEY: key } = config;
const keyspace = new Keyspace(QUEUE_PREFIX);

const redis = openWorkerRedis(REDIS_URL);
try {
  await waitForRedis(redis, 10_000);
  await upgrade({ databaseUrl: DATABASE_URL, redis, keyspace, say: (line) => console.log(line) });
  if (key !== undefined) await seedDemo(key);
} catch (error) {
  if (!(error instanceof StillRunningError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
} finally {
  redis.disconnect();
}

async function seedDemo(demoKey: string): Promise<void> {
  const db = openDatabase({ url: DATABASE_URL, maxConnections: 1 });
  try {
    await addProducts(db, DEMO_CATALOGUE);
    await bumpCatalogue(redis, keyspace);
    const { storefronts } = await liveStorefronts(db);
    // An operator may have changed its limits since.
    if (!storefronts.some(({ id }) => id === 'demo')) {
      await putStorefront(db, { id: 'demo', ...DEFAULT_LIMITS }, 'release step');
    }
    const digest = digestOfKey(demoKey);
    await addStorefrontKey(db, {
      ...{
        id: `key_demo_${digest.slice(0, 8)}`,
        storefrontId: 'demo',
        kind: 'secret',
        name: 'Demo storefront',
      },
      ...{ digest, scopes: [...SCOPES], origins: [], createdBy: 'release step' },
    });
    await projectAllStorefronts(db, redis, keyspace);
  } finally {
    await db.destroy();
  }
  console.log('The demo catalogue and the demo storefront key exist.');
}
