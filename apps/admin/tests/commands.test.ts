import type { BackofficeContext } from '@antrean/backoffice';
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

/** In an empty shop without Redis. */
async function run(words: readonly string[], differing: Partial<BackofficeContext> = {}) {
  const said = { out: '', err: '' };
  const withContext: Surroundings['withContext'] = async (redis, work) => {
    if (redis === 'needed') throw new RedisAwayError('Redis did not answer.');
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
  it('explains itself, and each of its commands', async () => {
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

  it('exits 2 on words that it does not know, too few or too many, and says which it takes', async () => {
    for (const [words, said] of [
      [[], 'Usage:'],
      [['refunds'], 'There is no command refunds.'],
      [['constructor'], 'There is no command constructor.'],
      [['transfers', '--csv'], "Unknown option '--csv'"],
      [['refund', 'X', 'all'], 'refund takes 3 to 4 words.\n\nrefund PAYMENT AMOUNT|all REASON [EXCEPTION]'],
      [['transfers', 'all'], 'transfers takes 0 words.'],
      [['transfers', '--request-id', 'a:b'], 'A request id is 1 to 64 letters'],
      [['transfers', '--wait', 'long'], '--wait takes a number of seconds'],
      [['transfers', '--wait', '601'], '--wait takes 600 seconds at most'],
    ] as const) {
      expect(await run(words), words.join(' ')).toMatchObject({
        ...{ code: 2, out: '', err: expect.stringContaining(said) },
      });
    }
  });

  it('says that a list is empty, or gives an empty one to a machine', async () => {
    for (const [name, sentence] of [
      ['transfers', 'No bank transfer is awaited.'],
      ['exceptions', 'No payment exception is open.'],
      ['flash-sales', 'There is no flash sale.'],
      ['keys', 'There is no key. Create one: create-key STOREFRONT secret NAME'],
    ] as const) {
      expect(await run([name])).toEqual({ code: 0, out: sentence, err: '' });
      expect(await run([name, '--json'])).toEqual({ code: 0, out: '[]', err: '' });
    }
  });

  it('exits 1 with what is wrong, for a machine as JSON too', async () => {
    const err = 'The order is not right. orderId: Invalid UUID.';
    expect(await run(['money', 'nothing'])).toEqual({ code: 1, out: '', err });
    const { code, out } = await run(['money', 'nothing', '--json']);
    expect({ code, out: JSON.parse(out) as unknown }).toEqual({
      ...{ code: 1, out: { kind: 'invalid_input', message: err } },
    });
  });

  it('exits 3 where a store does not answer, with the request id under which to ask again', async () => {
    const words = ['refund', 'X', 'all', '--request-id', 'again-1', '--', '- broken'];
    expect(await run(words)).toMatchObject({
      ...{ code: 3, err: expect.stringMatching(/Nothing was done\. Ask again with: --request-id again-1$/) },
    });
    expect((await run(['switches'])).err).toBe('Redis did not answer. Nothing was done.');
    const away = openDatabase({ url: 'postgres://127.0.0.1:9/none', maxConnections: 1 });
    expect(await run(['transfers'], { db: away })).toMatchObject({
      ...{ code: 3, err: expect.stringContaining('check DATABASE_URL') },
    });
    await away.destroy();
  });
});

describe('a table', () => {
  it('has numbers to the right, and a hyphen for what is not there', () => {
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
