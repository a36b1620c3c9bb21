import { type Kysely, sql } from 'kysely';
import type { OnlineGateway } from '@antrean/domain';
import type { Database } from './schema.ts';

export interface GatewayApiLogEntry {
  gateway: OnlineGateway;
  operation: string;
  attemptId: string | null;
  httpStatus: number | null;
  code: string | null;
  body: unknown;
  tookMs: number;
}

/** Stores a gateway's answer. The caller has removed keys and personal data. */
export async function logGatewayApiCall(db: Kysely<Database>, apiCall: GatewayApiLogEntry): Promise<void> {
  const { gateway, operation, attemptId, httpStatus, code, body, tookMs } = apiCall;
  await sql`
    insert into gateway_api_log (gateway, operation, attempt_id, http_status, code, body, took_ms)
    values (${gateway}, ${operation}, ${attemptId}, ${httpStatus}, ${code},
            ${body === undefined ? null : JSON.stringify(body)}::jsonb, ${Math.round(tookMs)})`.execute(db);
}

const KEEP_DAYS = 180;
/** 100,000 orders a day make a million rows a day, 44,000 an hour. */
const ROWS_AT_ONCE = 20_000;
const MOST_ROWS = 2_000_000;

/** Deletes entries older than half a year, a batch at a time. Two million at most: the next call goes on. */
export async function pruneGatewayApiLog(db: Kysely<Database>): Promise<void> {
  for (let deleted = 0; deleted < MOST_ROWS; deleted += ROWS_AT_ONCE) {
    const { numAffectedRows = 0n } = await sql`
      delete from gateway_api_log where id in
        (select id from gateway_api_log where at < now() - make_interval(days => ${KEEP_DAYS}) limit ${ROWS_AT_ONCE})`.execute(
      db,
    );
    if (numAffectedRows < ROWS_AT_ONCE) return;
  }
}
