// CPU time of processes by the scheduler's clock, which other programs on the machine hardly affect. Linux only.
import { readdirSync, readFileSync } from 'node:fs';

const TICK_MS = 10;

interface Cpu {
  totalMs: number;
  /** CPU time of ended child processes. */
  endedChildrenMs: number;
}

/** The CPU time of all threads; zero for a process that has ended. */
export function cpuOf(pid: number): Cpu {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')
      .map(Number);
    const at = (index: number) => fields[index] ?? 0;
    // Ticks of 10 ms, if the kernel has no finer measure.
    return {
      totalMs: Math.max(scheduledMs(pid), (at(11) + at(12)) * TICK_MS),
      endedChildrenMs: (at(13) + at(14)) * TICK_MS,
    };
  } catch {
    return { totalMs: 0, endedChildrenMs: 0 };
  }
}

function scheduledMs(pid: number): number {
  let nanos = 0;
  try {
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      nanos += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
    }
  } catch {
    // A thread that has just ended, or a kernel without it.
  }
  return nanos / 1e6;
}

/** By part, in ms. */
export type CpuSnapshot = Readonly<Record<string, number>>;

/** Of parts that are one process, and of PostgreSQL's processes by kind. */
export function cpuSnapshot(
  pids: Readonly<Record<string, number | undefined>>,
  postmaster?: number,
): CpuSnapshot {
  const parts = Object.entries(pids).map(([name, pid]) => [name, pid === undefined ? 0 : cpuOf(pid).totalMs]);
  return { ...Object.fromEntries(parts), ...(postmaster === undefined ? {} : postgresCpu(postmaster)) };
}

/** Backends that have ended count as backends. */
function postgresCpu(postmaster: number) {
  const own = cpuOf(postmaster);
  const sums = { pgBackends: own.endedChildrenMs, pgWalwriter: 0, pgOther: own.totalMs };
  const children = readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8')
    .trim()
    .split(/\s+/);
  for (const pid of children.map(Number)) {
    const { totalMs } = cpuOf(pid);
    const command = read(`/proc/${pid}/cmdline`);
    if (command.includes('walwriter')) sums.pgWalwriter += totalMs;
    else if (/checkpointer|background writer|autovacuum|io worker|logical|archiver/.test(command))
      sums.pgOther += totalMs;
    else sums.pgBackends += totalMs;
  }
  return sums;
}

/** Of each part for one order, and of all together. */
export function cpuPerOrder(before: CpuSnapshot, after: CpuSnapshot, orders: number) {
  const parts = Object.entries(after).map(
    ([name, ms]) => [name, (ms - (before[name] ?? 0)) / orders] as const,
  );
  const all = parts.reduce((sum, [, ms]) => sum + ms, 0);
  return Object.fromEntries([...parts, ['all', all] as const].map(([name, ms]) => [name, rounded(ms, 4)]));
}

export function memoryMb(pid: number): number {
  const [, kilobytes = '0'] = /^VmRSS:\s+(\d+)/m.exec(read(`/proc/${pid}/status`)) ?? [];
  return Math.round(Number(kilobytes) / 1000);
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

export const rounded = (value: number, digits = 3): number => Number(value.toFixed(digits));
