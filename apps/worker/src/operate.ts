// What operators do by hand. Takes the worker's DATABASE_URL, REDIS_URL and QUEUE_PREFIX.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import {
  auditFlashSales,
  createFlashSale,
  type Database,
  isKnownSku,
  type Kysely,
  openDatabase,
} from '@antrean/db';
import { configOrExit, parseConfig } from '@antrean/process';
import { createProducer, DEFAULT_PREFIX, openFailFastRedis, waitForRedis } from '@antrean/queue';
import { z } from 'zod';

const USAGE = `Usage:
  receive SKU QUANTITY REASON [REFERENCE]   puts a delivery on the shelf; the same REFERENCE again adds nothing
  flash-sale FILE                           creates a flash sale from a JSON file
  flash-sales                               lists the flash sales: quota, held, sold, and what the ledger says

FILE holds {"name", "startsAt", "endsAt", "items": [{"sku", "salePrice", "quota", "limitPerBuyer"}]}: times ISO 8601
with offset, money integer rupiah; without limitPerBuyer there is no limit.`;

/** What the operator asked for cannot be done: said in one sentence, exit code 1. */
class Refused extends Error {
  readonly code = 'refused';
}

const flashSale = z
  .strictObject({
    name: z.string().trim().min(1).max(100),
    startsAt: z.iso.datetime({ offset: true }).pipe(z.coerce.date()),
    endsAt: z.iso.datetime({ offset: true }).pipe(z.coerce.date()),
    items: z
      .array(
        z.strictObject({
          sku: z.string().min(1),
          salePrice: z.int().positive().max(100_000_000_000),
          quota: z.int().positive().max(10_000_000),
          limitPerBuyer: z.int().positive().max(10_000_000).optional(),
        }),
      )
      .min(1)
      .max(10_000)
      .refine((items) => new Set(items.map(({ sku }) => sku)).size === items.length, 'names a SKU twice'),
  })
  .refine(({ startsAt, endsAt }) => startsAt < endsAt, {
    path: ['endsAt'],
    message: 'must be after startsAt',
  });

const delivery = z.object({
  sku: z.string().min(1),
  quantity: z.coerce.number().int().positive().max(10_000_000),
  reason: z.string().min(1).max(200),
  reference: z.string().min(1).max(100),
});

const { DATABASE_URL, REDIS_URL, QUEUE_PREFIX } = configOrExit(() =>
  parseConfig(
    'The operator command',
    z.object({
      DATABASE_URL: z.url(),
      REDIS_URL: z.url(),
      QUEUE_PREFIX: z.string().min(1).default(DEFAULT_PREFIX),
    }),
    process.env,
  ),
);
const operator = `operator ${userInfo().username}`;

function checked<T>(schema: z.ZodType<T>, what: string, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map(({ path, message }) => `${path.join('.') || what}: ${message}`);
  throw new Refused(`${what} is not right. ${wrong.join('; ')}.`);
}

async function receive(db: Kysely<Database>, args: readonly string[]): Promise<void> {
  const [sku, quantity, reason, reference = randomUUID()] = args;
  const asked = checked(delivery, 'The delivery', { sku, quantity, reason, reference });
  if (!(await isKnownSku(db, asked.sku))) throw new Refused(`There is no product ${asked.sku}.`);
  const redis = openFailFastRedis(REDIS_URL);
  await waitForRedis(redis, 10_000);
  const producer = createProducer(redis, QUEUE_PREFIX);
  try {
    const jobId = `receive-stock-${randomUUID()}`;
    await producer.add('receive-stock', { ...asked, requestedBy: operator }, jobId);
  } finally {
    await producer.close();
    redis.disconnect();
  }
  console.log(`${asked.quantity} of ${asked.sku} are queued for the shelf, reference ${reference}.`);
}

async function createSale(db: Kysely<Database>, [file = '']: readonly string[]): Promise<void> {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Refused(`${file || 'FILE'} cannot be read as JSON (${String(error)}).`);
  }
  const { items, ...campaign } = checked(flashSale, file, content);
  const outcome = await createFlashSale(db, {
    ...campaign,
    items: items.map(({ salePrice, limitPerBuyer = null, ...item }) => ({
      ...{ ...item, salePriceRupiah: salePrice, limitPerBuyer },
    })),
    createdBy: operator,
  });
  const { name, startsAt, endsAt } = campaign;
  switch (outcome.kind) {
    case 'created':
      console.log(`${name}: ${items.length} products, ${startsAt.toISOString()} to ${endsAt.toISOString()}.`);
      return;
    case 'unknown_products':
      throw new Refused(`There are no products ${outcome.skus.join(', ')}. Nothing was created.`);
    case 'name_taken':
      throw new Refused(`There is a flash sale called ${name} already. Give this one another name.`);
    case 'overlaps':
      throw new Refused('One of its products is in another flash sale at that time. Nothing was created.');
  }
}

const [command = '', ...args] = process.argv.slice(2);
const commands: Readonly<Record<string, (db: Kysely<Database>, args: readonly string[]) => Promise<void>>> = {
  receive,
  'flash-sale': createSale,
  'flash-sales': async (db) => console.table(await auditFlashSales(db)),
};
const run = commands[command];
if (run === undefined) {
  console.error(USAGE);
  process.exit(2);
}
const db = openDatabase({ url: DATABASE_URL, maxConnections: 1 });
try {
  await run(db, args);
} catch (error) {
  if (!(error instanceof Refused)) throw error;
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await db.destroy();
}
