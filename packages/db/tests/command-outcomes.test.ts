import { findCommandOutcome, openDatabase, pruneCommandOutcomes, saveCommandOutcome } from '@antrean/db';
import { testDatabase } from '@antrean/testing/vitest';
import { expect, it } from 'vitest';

it('keeps the outcome of a command for two weeks', async () => {
  const database = await testDatabase();
  const db = openDatabase({ url: database.url, maxConnections: 1 });
  try {
    const saved = { job: 'void-order', fingerprint: 'f', outcome: { kind: 'voided' } };
    for (const days of [13, 15]) {
      const requestId = `${days}-days`;
      await saveCommandOutcome(db, { ...saved, requestId });
      const at = new Date(Date.now() - days * 24 * 3_600_000);
      await db.updateTable('commandOutcomes').set({ at }).where('requestId', '=', requestId).execute();
    }
    await pruneCommandOutcomes(db);
    expect(await findCommandOutcome(db, '13-days')).toMatchObject(saved);
    expect(await findCommandOutcome(db, '15-days')).toBeUndefined();
  } finally {
    await db.destroy();
    await database.drop();
  }
});
