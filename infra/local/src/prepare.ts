// Runs once before the API and the workers of docker-compose.yml; running it again changes nothing.
import { migrateToLatest, seedDemoCatalogue } from '@antrean/db';
import { openFailFastRedis, putStorefrontKey, waitForRedis } from '@antrean/queue';

function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set.`);
  return value;
}

const databaseUrl = required('DATABASE_URL');
const redisUrl = required('REDIS_URL');
const key = required('DEMO_STOREFRONT_KEY');

await migrateToLatest(databaseUrl);
await seedDemoCatalogue(databaseUrl);
const redis = openFailFastRedis(redisUrl);
try {
  await waitForRedis(redis, 10_000);
  await putStorefrontKey(
    redis,
    { key, storefrontId: 'demo', kind: 'secret', name: 'Demo storefront' },
    process.env.QUEUE_PREFIX,
  );
} finally {
  redis.disconnect();
}
console.log('Database migrated, demo catalogue and demo storefront key in place.');
