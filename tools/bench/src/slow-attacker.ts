// Clients that hold connections by being slow, in their own process. Argument: an AttackPlan as JSON. A client whose
// connection the server has closed connects again at once, except slow readers, which do not notice it.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { serve } from './processes.ts';

export interface AttackPlan {
  /** The slow part: sending headers, sending a body, or reading the answers. */
  slowAt: 'headers' | 'body' | 'reading';
  port: number;
  connections: number;
  /** Header lines with which the request is accepted up to its body. */
  headers: Readonly<Record<string, string>>;
  /** The path that slow readers request. */
  path: string;
}

export interface AttackReport {
  opened: number;
  /** Slow readers whose first answer had status 200; null for other attackers, which wait for no answer. */
  served: number | null;
  /**
   * How long the server kept each connection that it closed, and the age of those that were still open at the end. Null for
   * slow readers: unread data hides the end of the connection from them.
   */
  kept: { cutAfterMs: number[]; stillOpenMs: number[] } | null;
  /** Connections that the server held, by time (milliseconds since the epoch); empty without /proc. */
  held: { at: number; connections: number }[];
}

const OPENED_PER_SECOND = 200;
const DRIP_EVERY_MS = 500;
/** Short, so that nearly all attackers are connected at any time. */
const COME_AGAIN_AFTER_MS = 100;
/** Rarely, as reading the long table of connections uses CPU that the attack does not. */
const COUNT_EVERY_MS = 1_000;
const HEADER_DRIP = 'X-a: 1\r\n';
const BODY_DRIP = '    ';
/** Requests sent without waiting for answers, so that answers pile up. */
const READS_AT_ONCE = 10;
const BYTES_READ_AT_ONCE = 16;

const plan = JSON.parse(process.argv[2] ?? '{}') as AttackPlan;
/** Established (01) rows of /proc/net/tcp on the server's side, with the port of the other side. */
const HELD = new RegExp(
  String.raw`^ *\d+: \w+:${plan.port.toString(16).toUpperCase().padStart(4, '0')} \w+:(\w+) 01 .*$`,
  'gm',
);
const headerLines = Object.entries(plan.headers).map(([name, value]) => `${name}: ${value}\r\n`);
const FIRST_WORDS: Readonly<Record<AttackPlan['slowAt'], string>> = {
  headers: 'GET /health/live HTTP/1.1\r\nHost: slow\r\n',
  body:
    `POST /v1/orders HTTP/1.1\r\nHost: slow\r\n${headerLines.join('')}Content-Type: application/json\r\n` +
    'Idempotency-Key: slow\r\nContent-Length: 50000\r\n\r\n{',
  reading: `GET ${plan.path} HTTP/1.1\r\nHost: slow\r\n\r\n`.repeat(READS_AT_ONCE),
};
const kept: NonNullable<AttackReport['kept']> = { cutAfterMs: [], stillOpenMs: [] };
const isReading = plan.slowAt === 'reading';
const report: AttackReport = {
  ...{ opened: 0, served: isReading ? 0 : null },
  ...{ kept: isReading ? null : kept, held: [] },
};
const over = new AbortController();
const open = new Map<net.Socket, number>();

serve(async () => {
  const attackers = Array.from({ length: plan.connections }, (_, number) => attack(number));
  const counter = setInterval(() => {
    const connections = countHeld();
    if (connections !== undefined) report.held.push({ at: Date.now(), connections });
  }, COUNT_EVERY_MS);
  return async () => {
    clearInterval(counter);
    for (const since of open.values()) kept.stillOpenMs.push(performance.now() - since);
    over.abort();
    for (const socket of open.keys()) socket.destroy();
    await Promise.all(attackers);
    return report;
  };
});

async function attack(number: number): Promise<void> {
  await delay((number * 1_000) / OPENED_PER_SECOND, undefined, { signal: over.signal }).catch(
    () => undefined,
  );
  while (!over.signal.aborted) {
    const socket = net.connect({ port: plan.port, host: '127.0.0.1', noDelay: true });
    socket.on('error', () => undefined);
    const closed = once(socket, 'close');
    let dripping: NodeJS.Timeout | undefined;
    socket.once('connect', () => {
      report.opened += 1;
      open.set(socket, performance.now());
      socket.write(FIRST_WORDS[plan.slowAt]);
      // Each starts at its own time, like independent clients.
      dripping = setInterval(() => drip(socket), DRIP_EVERY_MS);
      if (isReading) socket.once('readable', () => noteServed(socket));
    });
    // The content of an answer, such as a timeout, does not matter; the end of the connection does.
    if (!isReading) socket.resume();
    await closed;
    clearInterval(dripping);
    const since = open.get(socket);
    open.delete(socket);
    if (since !== undefined && !over.signal.aborted) kept.cutAfterMs.push(performance.now() - since);
    await delay(COME_AGAIN_AFTER_MS, undefined, { signal: over.signal }).catch(() => undefined);
  }
}

function noteServed(socket: net.Socket): void {
  const begins = (socket.read(BYTES_READ_AT_ONCE) as Buffer | null)?.toString() ?? '';
  if (begins.startsWith('HTTP/1.1 200')) report.served = (report.served ?? 0) + 1;
}

function drip(socket: net.Socket): void {
  if (isReading) socket.read(BYTES_READ_AT_ONCE);
  else if (socket.writable) socket.write(plan.slowAt === 'headers' ? HEADER_DRIP : BODY_DRIP);
}

/**
 * Our connections that the server has accepted and not closed, from the kernel's view of the server's side: a slow reader
 * cannot see that from its own. Undefined without /proc.
 */
function countHeld(): number | undefined {
  let table: string;
  try {
    table = readFileSync('/proc/net/tcp', 'utf8');
  } catch {
    return undefined;
  }
  const ours = new Set(Array.from(open.keys(), ({ localPort }) => localPort));
  return [...table.matchAll(HELD)].filter(([row, remotePort = '']) => {
    const inode = row.trim().split(/\s+/)[9];
    // Before it is accepted and after it is closed, a connection belongs to no process: its inode is 0.
    return inode !== '0' && ours.has(Number.parseInt(remotePort, 16));
  }).length;
}
