import { readFileSync } from 'node:fs';

const BYTES_PER_KB = 1_024;
const BYTES_PER_MB = 1_000_000;

/** The resident memory of a process in MB; undefined once it has ended, and without /proc. */
export function residentMb(pid: number | undefined): number | undefined {
  const status = statusOf(pid);
  return status === undefined ? undefined : megabytes(status, 'VmRSS');
}

/** The first line of a region in smaps: its address, and its file or name. */
const REGION = /^([0-9a-f]+)-[0-9a-f]+ \S+ \S+ \S+ \d+ *(.*)$/;
const V8_PAGE = 256 * 1024;
/** The alignment of the C library's arenas, which tells them from V8's pages. */
const ARENA = 64 * 1024 * 1024;

/** Resident memory in MB without V8's heap; undefined as above. */
export function residentBesideHeapMb(pid: number): number | undefined {
  let smaps: string;
  try {
    smaps = readFileSync(`/proc/${pid}/smaps`, 'utf8');
  } catch {
    return undefined;
  }
  let kilobytes = 0;
  let isOfHeap = false;
  for (const row of smaps.split('\n')) {
    const [, address, name] = REGION.exec(row) ?? [];
    if (address !== undefined) {
      const start = Number.parseInt(address, 16);
      isOfHeap = name === '' && start % V8_PAGE === 0 && start % ARENA !== 0;
    } else if (!isOfHeap && row.startsWith('Rss:')) {
      kilobytes += Number.parseInt(row.slice('Rss:'.length), 10);
    }
  }
  return (kilobytes * BYTES_PER_KB) / BYTES_PER_MB;
}

/** PostgreSQL's memory: the private memory of each process, and the shared memory once. */
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
