import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { RetryLaterError } from '@antrean/queue';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DatabaseGate } from './database-gate.ts';

/** Records the pauses between probes. They take no time, or never end. */
const clock = vi.hoisted(() => ({ pauses: [] as number[], isStopped: false, ended: 0 }));
vi.mock('node:timers/promises', async (original) => ({
  ...(await original<object>()),
  setTimeout: async (ms: number, _value: unknown, { signal }: { signal: AbortSignal }) => {
    clock.pauses.push(ms);
    await (clock.isStopped ? once(signal, 'abort') : nextTurn());
    clock.ended += 1;
    signal.throwIfAborted();
  },
}));

const away = () => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

function open() {
  const said: string[] = [];
  const intake = {
    pause: vi.fn(async () => void said.push('pause')),
    resume: vi.fn(async () => void said.push('resume')),
  };
  const log = pino(
    { level: 'info' },
    { write: (line) => void said.push((JSON.parse(line) as { msg: string }).msg) },
  );
  /** The test resolves or rejects it. */
  const probe = vi.fn(() => probes.promise);
  let probes = Promise.withResolvers<void>();
  const gate = new DatabaseGate({ probe, log });
  gate.guard(intake);
  return {
    gate,
    intake,
    probe,
    said,
    /** Answers present and later probes. */
    comeBack: () => probes.resolve(),
    stayAway: () => {
      const { reject } = probes;
      probes = Promise.withResolvers<void>();
      reject(away());
    },
  };
}

/** Work that finds PostgreSQL unreachable this many times and then succeeds. */
const failing = (times: number, result = 'done') => {
  const work = vi.fn(async () => result);
  for (let n = 0; n < times; n += 1) work.mockRejectedValueOnce(away());
  return work;
};

beforeEach(() => {
  Object.assign(clock, { pauses: [], isStopped: false, ended: 0 });
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe('the database gate', () => {
  it('passes work and pauses nothing while PostgreSQL answers', async () => {
    const { gate, said } = open();
    expect(await gate.through(failing(0))).toBe('done');
    expect(said).toEqual([]);
  });

  it.each(['23505', '55P03', undefined])('passes an error with code %s to the job', async (code) => {
    const { gate, intake } = open();
    const error = Object.assign(new Error('refused'), { code });
    await expect(gate.through(() => Promise.reject(error))).rejects.toBe(error);
    expect(intake.pause).not.toHaveBeenCalled();
  });

  it.each(['ECONNREFUSED', '57P01', '08006', '53300'])('closes on %s, and retries later', async (code) => {
    const { comeBack, gate, intake } = open();
    const work = failing(0).mockRejectedValueOnce(Object.assign(new Error('away'), { code }));
    const result = gate.through(work);
    await vi.waitFor(() => expect(intake.pause).toHaveBeenCalledTimes(1));
    expect(work).toHaveBeenCalledTimes(1);
    comeBack();
    expect(await result).toBe('done');
    expect(work).toHaveBeenCalledTimes(2);
  });

  it('takes no new job until the waiting jobs have retried, in their order of arrival', async () => {
    const { comeBack, gate, intake, probe, said } = open();
    const started: string[] = [];
    const starting = (name: string, failures: number) => {
      const work = failing(failures);
      return async () => {
        started.push(name);
        return work();
      };
    };
    const jobs = ['a', 'b', 'c'].map((name) => gate.through(starting(name, 1)));
    await vi.waitFor(() => expect(probe).toHaveBeenCalled());
    // These arrive while the gate is closed, and do not try.
    jobs.push(...['d', 'e'].map((name) => gate.through(starting(name, 0))));
    await nextTurn();
    expect(started).toEqual(['a', 'b', 'c']);
    intake.resume.mockImplementationOnce(async () => {
      await nextTurn();
      started.push('a new job');
    });
    comeBack();
    expect(await Promise.all(jobs)).toEqual(Array.from({ length: 5 }, () => 'done'));
    await vi.waitFor(() => expect(started).toContain('a new job'));
    expect(started).toEqual(['a', 'b', 'c', 'a', 'b', 'c', 'd', 'e', 'a new job']);
    expect(said).toEqual([
      'pause',
      'PostgreSQL is unreachable; the worker pauses its jobs until it answers',
      'PostgreSQL answers again; the worker resumes its jobs',
    ]);
  });

  it('pauses workers that it guards only after it has closed', async () => {
    const { comeBack, gate } = open();
    const late = { pause: vi.fn(async () => undefined), resume: vi.fn(async () => undefined) };
    const result = gate.through(failing(1));
    await nextTurn();
    gate.guard(late);
    expect(late.pause).toHaveBeenCalledTimes(1);
    comeBack();
    await result;
    expect(late.resume).toHaveBeenCalledTimes(1);
  });

  it('probes at most every 2 s, with pauses that double and have jitter', async () => {
    const { comeBack, gate, probe, stayAway } = open();
    const result = gate.through(failing(1));
    for (let asked = 1; asked <= 8; asked += 1) {
      await vi.waitFor(() => expect(probe).toHaveBeenCalledTimes(asked));
      if (asked < 8) stayAway();
    }
    comeBack();
    await result;
    expect(clock.pauses).toHaveLength(8);
    [100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000].forEach((longest, index) => {
      expect(clock.pauses[index]).toBeGreaterThanOrEqual(longest / 2);
      expect(clock.pauses[index]).toBeLessThanOrEqual(longest);
    });
    expect(new Set(clock.pauses.slice(5)).size).toBe(3);
  });

  it('returns a job without using an attempt when it found PostgreSQL unreachable 10 times', async () => {
    const { comeBack, gate, intake } = open();
    comeBack();
    expect(await gate.through(failing(10))).toBe('done');
    const work = failing(11);
    const error = await gate.through(work).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(RetryLaterError);
    expect(error).toMatchObject({ delayMs: 1_000, cause: { code: 'ECONNREFUSED' } });
    expect(work).toHaveBeenCalledTimes(11);
    expect(intake.resume).toHaveBeenCalledTimes(20);
  });
});

describe('stopping the gate', () => {
  it('returns waiting jobs to the head of their queue, and stops probing', async () => {
    const { gate, intake, probe } = open();
    const jobs = [gate.through(failing(1)), gate.through(failing(1))];
    await vi.waitFor(() => expect(probe).toHaveBeenCalledTimes(1));
    jobs.push(gate.through(failing(0)));
    gate.close();
    gate.close();
    for (const job of jobs) {
      await expect(job).rejects.toThrow(RetryLaterError);
      await expect(job).rejects.toMatchObject({ delayMs: 0 });
    }
    expect(probe).toHaveBeenCalledTimes(1);
    expect(intake.resume).not.toHaveBeenCalled();
  });

  it('ends the pause before the next probe', async () => {
    clock.isStopped = true;
    const { gate, probe } = open();
    const job = gate.through(failing(1));
    await vi.waitFor(() => expect(clock.pauses).toHaveLength(1));
    gate.close();
    await expect(job).rejects.toThrow(RetryLaterError);
    await vi.waitFor(() => expect(clock.ended).toBe(1));
    await nextTurn();
    expect(probe).not.toHaveBeenCalled();
  });

  it('does not open on a later answer', async () => {
    const { comeBack, gate, intake, probe } = open();
    const job = gate.through(failing(1));
    await vi.waitFor(() => expect(probe).toHaveBeenCalledTimes(1));
    gate.close();
    comeBack();
    await expect(job).rejects.toThrow(RetryLaterError);
    await nextTurn();
    expect(intake.resume).not.toHaveBeenCalled();
  });

  it('returns a job that finds PostgreSQL unreachable later, without waiting', async () => {
    const { gate, probe } = open();
    gate.close();
    await expect(gate.through(failing(1))).rejects.toMatchObject({ code: 'retry_later', delayMs: 0 });
    expect(probe).not.toHaveBeenCalled();
  });
});
