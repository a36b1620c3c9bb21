import { expect, it } from 'vitest';
import { reportedState } from './breaker-report.ts';

const since = new Date('2026-12-12T05:00:00Z');
const after = (seconds: number) => new Date(since.getTime() + seconds * 1_000);

it('an open breaker that no call has tried for a minute is reported as half-open, so that online is offered again', () => {
  expect(reportedState({ state: 'open', since }, after(59))).toBe('open');
  expect(reportedState({ state: 'open', since }, after(60))).toBe('half_open');
  expect(reportedState({ state: 'closed', since }, after(600))).toBe('closed');
});
