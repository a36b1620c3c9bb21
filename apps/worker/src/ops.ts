// What operators do by hand. Takes the worker's DATABASE_URL, REDIS_URL and QUEUE_PREFIX.
import { userInfo } from 'node:os';
import { openDatabase } from '@antrean/db';
import { configOrExit, parseConfig, redisConfig } from '@antrean/process';
import { createProducer } from '@antrean/queue';
import { bumpCatalogue, Keyspace, openRequestRedis, waitForRedis } from '@antrean/redis';
import { z } from 'zod';
import { COMMANDS } from './commands/index.ts';
import { type CommandContext, Refused } from './commands/command.ts';

const USAGE = `Usage:
  receive SKU QUANTITY REASON [REFERENCE]   puts a delivery on the shelf; the same REFERENCE again adds nothing
  products FILE                             adds products from a JSON file, and changes what is said of known ones
  flash-sale FILE                           creates a flash sale from a JSON file
  flash-sales                               lists the flash sales: quota, held, sold, and what the ledger says
  transfers                                 lists the bank transfers that are awaited, those with a proof first
  confirm-transfer ATTEMPT AMOUNT LINE      enters a transfer; LINE tells the line on the bank's statement
  reject-transfer ATTEMPT REASON            says that no such transfer has come
  exceptions                                lists the money that somebody has to put right
  resolve-exception CASE RESOLUTION              closes a case, and writes down how
  refund PAYMENT AMOUNT|all REASON [EXCEPTION] sends money back; PAYMENT is an order or a payment attempt
  paid-out REFUND REFERENCE                 says that a refund was paid out by hand
  release ORDER REASON                      lets an order that is held go to fulfilment
  void ORDER REASON                         ends a held order whose money was taken back
  stray-transfer AMOUNT LINE NOTE           opens an exception for money at the bank that belongs to nothing known
  money [ORDER]                             compares the money ledger with payments and refunds
  settlement GATEWAY [DAY [FILE]]           shows the report of a day, or compares a file with it
  storefront ID [ORDERS [REQUESTS]]         creates a storefront, or sets its limits: orders a minute from one address
                                            with publishable keys (100), requests a minute with secret keys (60000)
  create-key STOREFRONT secret NAME [SCOPES]         for servers; SCOPES of place,read,change,ship, all of them without
  create-key STOREFRONT publishable NAME ORIGINS     for pages of these origins, as https://toko.example
  keys                                      lists the keys of all storefronts
  revoke-key KEY                            refuses a key from now on
  switch maintenance|read_only on|off REASON   closes the shop, or lets it only be read
  notice INDONESIAN ENGLISH                 tells everybody something; notice off takes it down
  switches                                  shows the switches and the notice

FILE of products holds {"products": [{"sku", "name", "description", "category", "price", "openingStock"}]}: of a known SKU
name, description and category are changed, openingStock counts for nothing, and another price is refused.
FILE of flash-sale holds {"name", "startsAt", "endsAt", "items": [{"sku", "salePrice", "quota", "limitPerBuyer"}]}:
times ISO 8601 with offset, money integer rupiah; without limitPerBuyer there is no limit. FILE of settlement is
Midtrans's export of transactions as CSV. DAY is YYYY-MM-DD in Western Indonesia Time.`;

const { DATABASE_URL, REDIS_URL, QUEUE_PREFIX } = configOrExit(() =>
  parseConfig(
    'The operator command',
    z.object({
      DATABASE_URL: z.url(),
      ...redisConfig,
    }),
    process.env,
  ),
);

const keyspace = new Keyspace(QUEUE_PREFIX);

const [command = '', ...args] = process.argv.slice(2);
const run = COMMANDS[command];
if (run === undefined) {
  console.error(USAGE);
  process.exit(2);
}

/** Redis is asked only by what needs it: a list can be read while it is away. */
const withRedis: CommandContext['withRedis'] = async (work) => {
  const redis = openRequestRedis(REDIS_URL);
  try {
    await waitForRedis(redis, 10_000);
    return await work(redis, keyspace);
  } finally {
    redis.disconnect();
  }
};

const add: CommandContext['add'] = (name, payload, jobId) =>
  withRedis(async (redis) => {
    const producer = createProducer(redis, keyspace);
    try {
      await producer.add(name, payload, jobId);
    } finally {
      await producer.close();
    }
  });

const catalogueChanged: CommandContext['catalogueChanged'] = async () => {
  try {
    await withRedis(bumpCatalogue);
  } catch (error) {
    console.error(`It is done, but shops may see it some seconds later. ${String(error)}`);
  }
};

const db = openDatabase({ url: DATABASE_URL, maxConnections: 1 });
try {
  await run({ db, operator: `operator ${userInfo().username}`, add, withRedis, catalogueChanged }, args);
} catch (error) {
  if (!(error instanceof Refused)) throw error;
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await db.destroy();
}
