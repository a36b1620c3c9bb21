import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BackofficeContext, productsInput } from '@antrean/backoffice';
import { openDatabase } from '@antrean/db';
import { testDatabase } from '@antrean/testing/vitest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { table } from '../src/commands/command.ts';
import { COMMANDS } from '../src/commands/index.ts';
import { RedisAwayError, runCommand, type Surroundings } from '../src/commands/run.ts';

let database: Awaited<ReturnType<typeof testDatabase>>;
let db: ReturnType<typeof openDatabase>;
beforeAll(async () => {
  database = await testDatabase();
  db = openDatabase({ url: database.url, maxConnections: 1 });
});
afterAll(async () => {
  await db.destroy();
  await database.drop();
});

/** Runs a command in an empty shop without Redis. */
const run = (words: readonly string[], differing: Partial<BackofficeContext> = {}) =>
  runIn(words, differing, false);

/** Runs a command that must end before it uses Redis. */
const runWithRedis = (words: readonly string[], differing: Partial<BackofficeContext> = {}) =>
  runIn(words, differing, true);

async function runIn(words: readonly string[], differing: Partial<BackofficeContext>, hasRedis: boolean) {
  const said = { out: '', err: '' };
  const withContext: Surroundings['withContext'] = async (redis, work) => {
    if (redis === 'needed' && !hasRedis) throw new RedisAwayError('Redis did not answer.');
    return work({ db, ...differing } as BackofficeContext);
  };
  const code = await runCommand(words, {
    withContext,
    print: (text) => (said.out += text),
    printError: (text) => (said.err += text),
  });
  return { code, ...said };
}

describe('the operator command', () => {
  it('has help for itself and for each command', async () => {
    const { code, out } = await run(['--help']);
    expect(code).toBe(0);
    for (const name of Object.keys(COMMANDS)) {
      expect(out).toContain(`\n  ${name}`);
      const help = await run([name, '--help']);
      expect(help).toMatchObject({ code: 0, err: '' });
      expect(help.out).toContain(COMMANDS[name]?.summary);
    }
    expect((await run(['flash-sale', '-h'])).out).toContain('"limitPerBuyer"');
  });

  it('exits 2 for an unknown command or a wrong number of words, and shows the usage', async () => {
    for (const [words, said] of [
      [[], 'Usage:'],
      [['refunds'], 'The command refunds does not exist.'],
      [['constructor'], 'The command constructor does not exist.'],
      [['transfers', '--csv'], "Unknown option '--csv'"],
      [['refund', 'X', 'all'], 'refund takes 3 to 4 words.\n\nrefund PAYMENT AMOUNT|all REASON [EXCEPTION]'],
      [['transfers', 'all', 'of'], 'transfers takes 0 to 1 words.'],
      [['transfers', '--request-id', 'a:b'], 'A request id is 1 to 64 letters'],
      [['transfers', '--wait', 'long'], '--wait takes a number of seconds'],
      [['transfers', '--wait', '601'], '--wait takes 600 seconds at most'],
    ] as const) {
      expect(await run(words), words.join(' ')).toMatchObject({
        ...{ code: 2, out: '', err: expect.stringContaining(said) },
      });
    }
  });

  it('prints a sentence for an empty list, or an empty JSON list', async () => {
    for (const [name, sentence] of [
      ['transfers', 'There are no open bank transfers.'],
      ['exceptions', 'There are no open payment exceptions.'],
      ['flash-sales', 'There are no flash sales.'],
      ['keys', 'There are no keys. Create one: create-key STOREFRONT secret NAME'],
    ] as const) {
      expect(await run([name])).toEqual({ code: 0, out: sentence, err: '' });
      expect(await run([name, '--json'])).toEqual({ code: 0, out: '[]', err: '' });
    }
  });

  it('exits 1 for invalid input and names the field, with --json too', async () => {
    const err = 'The order is invalid. orderId: Invalid UUID.';
    expect(await run(['money', 'nothing'])).toEqual({ code: 1, out: '', err });
    const { code, out } = await run(['money', 'nothing', '--json']);
    expect({ code, out: JSON.parse(out) as unknown }).toEqual({
      ...{ code: 1, out: { kind: 'invalid_input', message: err } },
    });
  });

  it('refuses an amount in a spelling that is not Indonesian, before anything is done', async () => {
    for (const amount of ['1e4', '0x10', '10,000', '10.00', '0', '1.000.000.000.001', 'much', '-5']) {
      for (const [name, ...words] of [
        ['refund', 'X', amount, 'broken'],
        ['confirm-transfer', 'X', amount, 'LINE 1'],
        ['stray-transfer', amount, 'LINE 1', 'note'],
      ] as const) {
        const said = await runWithRedis([name, '--', ...words]);
        expect(said, `${name} ${amount}`).toMatchObject({ code: 1, out: '' });
        expect(said.err).toMatch(
          /amountRupiah: (".+" is (not an amount in rupiah; write|more than)|must be more than 0)/,
        );
      }
    }
  });

  it('reads prices of files as text with Indonesian grouping, and refuses a JSON number with a dot', async () => {
    const file = (price: string) => {
      const path = join(mkdtempSync(join(tmpdir(), 'products-')), 'products.json');
      writeFileSync(path, `{"products": [{"sku": "TEH", "name": "Teh", "price": ${price}}]}`);
      return path;
    };
    for (const [price, reason] of [
      ['85.000', 'price is 85.000: write whole numbers in digits, such as 85000, or "85.000" as text'],
      ['1e5', 'price is 1e5'],
      ['"85,000"', '"85,000" is not an amount in rupiah'],
      ['"0"', 'must be more than 0 rupiah'],
    ] as const)
      expect(await runWithRedis(['products', file(price)]), price).toMatchObject({
        ...{ code: 1, err: expect.stringContaining(reason) },
      });
    const parsed = productsInput.parse({ products: [{ sku: 'TEH', name: 'Teh', price: '85.000' }] });
    expect(parsed.products[0]?.price).toBe(85_000);
  });

  it('takes an option of its own only where it has one', async () => {
    expect((await run(['refund', '--help'])).out).toContain('--another');
    expect(await run(['transfers', '--another'])).toMatchObject({
      ...{ code: 2, err: expect.stringContaining("Unknown option '--another'") },
    });
    expect((await run(['--another', 'refund', 'X', 'all', 'broken'])).code).toBe(3);
  });

  it('exits 3 when a store does not answer, and names the request id for a repeat', async () => {
    const words = ['refund', 'X', 'all', '--request-id', 'again-1', '--', '- broken'];
    expect(await run(words)).toMatchObject({
      ...{
        code: 3,
        err: expect.stringMatching(/Nothing was done\. Repeat the command with: --request-id again-1$/),
      },
    });
    expect((await run(['switches'])).err).toBe('Redis did not answer. Nothing was done.');
    const away = openDatabase({ url: 'postgres://127.0.0.1:9/none', maxConnections: 1 });
    expect(await run(['transfers'], { db: away })).toMatchObject({
      ...{ code: 3, err: expect.stringContaining('check DATABASE_URL') },
    });
    await away.destroy();
  });

  it('exits 3 for an error that is not expected, as the command may be done', async () => {
    const broken = {
      get db(): never {
        throw new TypeError('a bug');
      },
    };
    const { code, out, err } = await run(['transfers', '--json'], broken);
    expect({ code, out: JSON.parse(out) as unknown }).toEqual({ code: 3, out: { kind: 'internal_error' } });
    expect(err).toMatch(/^TypeError: a bug\n[\s\S]*the command may be done\.$/);
  });
});

describe('a table', () => {
  it('aligns numbers right, and shows a hyphen for missing values', () => {
    const rows = [
      { id: 7, name: 'satu', at: new Date(0), of: ['a', 'b'], more: null, none: null },
      { id: 12, name: 'dua puluh', at: null, of: [], more: { x: 1 }, none: null },
    ];
    expect(table(rows).split('\n')).toEqual([
      'id  name       at                        of   more     none',
      ' 7  satu       1970-01-01T00:00:00.000Z  a,b  -        -',
      '12  dua puluh  -                         -    {"x":1}  -',
    ]);
  });
});
