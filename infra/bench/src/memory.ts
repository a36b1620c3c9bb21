import { readFileSync } from 'node:fs';

const BYTES_PER_KB = 1_024;
const BYTES_PER_MB = 1_000_000;

/** Resident memory of a process in MB; undefined once it has ended, and where there is no /proc. */
export function residentMb(pid: number | undefined): number | undefined {
  const status = statusOf(pid);
  return status === undefined ? undefined : megabytes(status, 'VmRSS');
}

/** What a process has mapped for itself, whether or not it has touched it yet, in MB; undefined as above. */
export function mappedMb(pid: number): number | undefined {
  const status = statusOf(pid);
  return status === undefined ? undefined : megabytes(status, 'VmData');
}

/** Of PostgreSQL: what each of its processes has for itself, and what they share once. */
export function postgresMb(postmaster: number | undefined): number | undefined {
  const own = statusOf(postmaster);
  if (own === undefined) return undefined;
  const children = readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8')
    .trim()
    .split(/\s+/);
  const statuses = [own, ...children.map((pid) => statusOf(Number(pid)) ?? '')];
  const alone = statuses.reduce((sum, status) => sum + megabytes(status, 'RssAnon'), 0);
  const mapped = (name: string) => Math.max(...statuses.map((status) => megabytes(status, name)));
  return alone + mapped('RssFile') + mapped('RssShmem');
}

function statusOf(pid: number | undefined): string | undefined {
  if (pid === undefined) return undefined;
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return undefined;
  }
}

function megabytes(status: string, field: string): number {
  const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1];
  return (Number(kilobytes ?? 0) * BYTES_PER_KB) / BYTES_PER_MB;
}
