import {
  ATTEMPT_LIFECYCLE,
  ORDER_LIFECYCLE,
  PAYMENT_EXCEPTION_LIFECYCLE,
  REFUND_LIFECYCLE,
} from '@antrean/domain';
import { JOBS } from '@antrean/queue';
import { expect, it } from 'vitest';

it('there is a handler for every job that a lifecycle names', () => {
  const rows = [ORDER_LIFECYCLE, ATTEMPT_LIFECYCLE, REFUND_LIFECYCLE, PAYMENT_EXCEPTION_LIFECYCLE].flatMap(
    (table) => Object.values<{ movedBy: string | null }>(table),
  );
  const jobs = new Set(rows.map(({ movedBy }) => movedBy));
  for (const noJob of ['admin', 'gateway', null]) expect(jobs.delete(noJob), String(noJob)).toBe(true);
  expect(jobs.size).toBeGreaterThan(0);
  expect(Object.keys(JOBS)).toEqual(expect.arrayContaining([...jobs]));
});
