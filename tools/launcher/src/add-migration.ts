// npm run migration -- add-something: writes the next migration from a template, and adds it to migrate.ts.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { repoRoot } from '@antrean/testing/services';

const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

// The template is invalid SQL, so that every test fails until the migration is written.
const TEMPLATE = `import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<never>): Promise<void> {
  await sql\`alter table …\`.execute(db);
}
`;

/** Returns the file that it wrote; throws before it writes anything. `source` is the folder of migrate.ts. */
export function addMigration(source: string, name: string): string {
  if (!NAME.test(name)) {
    throw new Error(
      `"${name}" is no valid migration name. Use small letters, digits and hyphens: add-something`,
    );
  }
  const last = readdirSync(path.join(source, 'migrations')).toSorted().at(-1) ?? '0000';
  const numbered = `${String(Number(last.slice(0, 4)) + 1).padStart(4, '0')}-${name}`;
  const variable = name.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  const list = path.join(source, 'migrate.ts');
  const code = readFileSync(list, 'utf8');
  if (code.includes(` as ${variable} `)) {
    throw new Error(`migrate.ts imports another migration as ${variable}. Choose another name.`);
  }
  const imported = `import * as ${variable} from './migrations/${numbered}.ts';\n`;
  const withImport = code.replace(/(?:import \* as \w+ from '\.\/migrations\/.*\n)+/, `$&${imported}`);
  const complete = withImport.replace(
    /const MIGRATIONS = \{\n(?: .*\n)*/,
    `$&  '${numbered}': ${variable},\n`,
  );
  if (withImport === code || complete === withImport) {
    throw new Error(`The imports or the list MIGRATIONS were not found in ${list}.`);
  }
  const file = path.join(source, 'migrations', `${numbered}.ts`);
  writeFileSync(file, TEMPLATE, { flag: 'wx' });
  writeFileSync(list, complete);
  return file;
}

if (import.meta.main) {
  try {
    const file = addMigration(path.join(repoRoot, 'packages/db/src'), process.argv.slice(2).join('-'));
    console.log(
      `Write ${path.relative(repoRoot, file)}; migrate.ts lists it. Then change schema.ts to match.`,
    );
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
