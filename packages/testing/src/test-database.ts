import { randomBytes } from 'node:crypto';
import pg from 'pg';

export type TestDatabase = { url: string; drop(): Promise<void> };

async function run(adminUrl: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** A database for one test: a copy of the template, or an empty one. Dropping it fails on a leaked connection. */
export async function createTestDatabase(adminUrl: string, template?: string): Promise<TestDatabase> {
  const name = `antrean_test_${process.pid}_${randomBytes(6).toString('hex')}`;
  await run(
    adminUrl,
    `CREATE DATABASE "${name}"${template === undefined ? '' : ` TEMPLATE "${template.replaceAll('"', '""')}"`}`,
  );
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  return {
    url: url.toString(),
    drop: () => run(adminUrl, `DROP DATABASE IF EXISTS "${name}"`),
  };
}
