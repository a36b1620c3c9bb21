import { claimEventsToSweep, type Database, type Kysely } from '@antrean/db';
import { type Producer, sweptJobId } from '@antrean/queue';

const BATCH = 200;
/** With more jobs than this in the queue, another would only wait longer there. */
const MAX_WAITING_EVENTS = 1_000;

/** Adds a job for events that have had no outcome for long: those that wait longest first. */
export async function sweepPaymentEvents({
  db,
  producer,
  now,
}: {
  db: Kysely<Database>;
  producer: Pick<Producer, 'addAll' | 'waitingCount'>;
  now: () => Date;
}): Promise<void> {
  const limit = Math.min(BATCH, MAX_WAITING_EVENTS - (await producer.waitingCount('payment-events')));
  if (limit <= 0) return;
  const at = now();
  const events = await claimEventsToSweep(db, { limit, now: at });
  await producer.addAll(
    'resume-payment-event',
    events.map((eventId) => ({
      payload: { eventId },
      jobId: sweptJobId('resume-payment-event', String(eventId), at.getTime()),
    })),
  );
}
