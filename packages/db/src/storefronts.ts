import { type Insertable, type Kysely, type Selectable, sql } from 'kysely';
import type { StorefrontSettings } from '@antrean/domain';
import type { Database } from './schema.ts';

export type StorefrontKeyRow = Selectable<Database['storefrontKeys']>;

/** Creates a storefront or changes its limits. Each change has a row. */
export async function putStorefront(
  db: Kysely<Database>,
  storefront: { id: string; ordersPerAddress: number; requests: number },
  changedBy: string,
): Promise<void> {
  const { id, ordersPerAddress, requests } = storefront;
  await db.transaction().execute(async (trx) => {
    await trx
      .insertInto('storefronts')
      .values({ ...storefront, createdBy: changedBy })
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ ordersPerAddress, requests }))
      .execute();
    await trx
      .insertInto('storefrontLimitChanges')
      .values({ storefrontId: id, ordersPerAddress, requests, changedBy })
      .execute();
  });
}

/** Changes settings of a storefront, and returns all of them. Undefined for an unknown storefront. Each change has a row. */
export async function changeStorefrontSettings(
  db: Kysely<Database>,
  { id, ...change }: { id: string } & Partial<StorefrontSettings>,
  changedBy: string,
): Promise<StorefrontSettings | undefined> {
  const { timeToPayMinutes, paymentMethods, onlineMethods, returnOrigins } = change;
  return db.transaction().execute(async (trx) => {
    const settings = await trx
      .updateTable('storefronts')
      .set({
        ...(timeToPayMinutes === undefined ? {} : { timeToPayMinutes }),
        ...(paymentMethods === undefined ? {} : { paymentMethods: [...paymentMethods] }),
        ...(onlineMethods === undefined ? {} : { onlineMethods: onlineMethods && [...onlineMethods] }),
        ...(returnOrigins === undefined ? {} : { returnOrigins: [...returnOrigins] }),
      })
      .where('id', '=', id)
      .returning(['timeToPayMinutes', 'paymentMethods', 'onlineMethods', 'returnOrigins'])
      .executeTakeFirst();
    if (settings === undefined) return undefined;
    await trx
      .insertInto('storefrontSettingChanges')
      .values({ storefrontId: id, settings: JSON.stringify(settings), changedBy })
      .execute();
    return settings;
  });
}

/** Adds a key unless it exists already. Reports an unknown storefront. */
export async function addStorefrontKey(
  db: Kysely<Database>,
  key: Insertable<Database['storefrontKeys']>,
): Promise<'added' | 'unknown_storefront'> {
  try {
    await db
      .insertInto('storefrontKeys')
      .values(key)
      .onConflict((conflict) => conflict.column('digest').doNothing())
      .execute();
    return 'added';
  } catch (error) {
    if ((error as { code?: unknown }).code === '23503') return 'unknown_storefront';
    throw error;
  }
}

/** Revokes a key and returns it; undefined for an unknown id. A repeated revocation keeps the first one. */
export async function revokeStorefrontKey(
  db: Kysely<Database>,
  id: string,
  revokedBy: string,
): Promise<StorefrontKeyRow | undefined> {
  const { rows } = await sql<StorefrontKeyRow>`
    update storefront_keys
    set revoked_at = coalesce(revoked_at, now()), revoked_by = coalesce(revoked_by, ${revokedBy})
    where id = ${id} returning *`.execute(db);
  return rows[0];
}

export async function listStorefrontKeys(db: Kysely<Database>): Promise<StorefrontKeyRow[]> {
  return db.selectFrom('storefrontKeys').selectAll().orderBy('storefrontId').orderBy('createdAt').execute();
}

/** Everything about storefronts that Redis holds. */
export async function liveStorefronts(db: Kysely<Database>): Promise<{
  storefronts: Selectable<Database['storefronts']>[];
  keys: StorefrontKeyRow[];
}> {
  const [storefronts, keys] = await Promise.all([
    db.selectFrom('storefronts').selectAll().execute(),
    listStorefrontKeys(db),
  ]);
  return { storefronts, keys };
}

/** Stores switch changes; a repeated one counts once. */
export async function addSwitchChanges(
  db: Kysely<Database>,
  changes: readonly Insertable<Database['switchChanges']>[],
): Promise<void> {
  if (changes.length === 0) return;
  await db
    .insertInto('switchChanges')
    .values([...changes])
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute();
}
