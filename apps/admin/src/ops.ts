// What operators do by hand. Takes the worker's DATABASE_URL, REDIS_URL, QUEUE_PREFIX and GATEWAY_ID_PREFIX.
import { userInfo } from 'node:os';
import { openDatabase } from '@antrean/db';
import { configOrExit, gatewayIdConfig, parseConfig, redisConfig } from '@antrean/process';
import { createProducer, type Producer } from '@antrean/queue';
import { Keyspace, openRequestRedis, waitForRedis } from '@antrean/redis';
import { z } from 'zod';
import { RedisAwayError, runCommand, type Surroundings } from './commands/run.ts';

const schema = z.object({ DATABASE_URL: z.url(), ...redisConfig, ...gatewayIdConfig });

const REDIS_PATIENCE_MS = 10_000;

const withContext: Surroundings['withContext'] = async (needed, work) => {
  const config = configOrExit(() => parseConfig('The operator command', schema, process.env));
  const { DATABASE_URL, REDIS_URL, QUEUE_PREFIX, GATEWAY_ID_PREFIX: gatewayIdPrefix } = config;
  const keyspace = new Keyspace(QUEUE_PREFIX);
  const db = openDatabase({ url: DATABASE_URL, maxConnections: 1 });
  const redis = openRequestRedis(REDIS_URL);
  // Made by the first job, as closing one waits for Redis.
  let queues: Producer | undefined;
  const producer: Pick<Producer, 'add'> = {
    add: (...job) => (queues ??= createProducer(redis, keyspace)).add(...job),
  };
  try {
    if (needed !== undefined) {
      await waitForRedis(redis, REDIS_PATIENCE_MS).catch((error: Error) => {
        if (needed === 'needed') throw new RedisAwayError(error.message, { cause: error });
      });
    }
    const actor = `operator ${userInfo().username}`;
    return await work({ db, producer, redis, keyspace, gatewayIdPrefix, actor, now: () => new Date() });
  } finally {
    await queues?.close();
    redis.disconnect();
    await db.destroy();
  }
};

process.exitCode = await runCommand(process.argv.slice(2), {
  withContext,
  print: (text) => console.log(text),
  printError: (text) => console.error(text),
});
