// Load over keep-alive connections with as little CPU as possible, as the client shares the cores with the measured process.
// Requests are written without a library, and of answers only status and length are read.
import net from 'node:net';

export interface LoadReport {
  /** Answers by status. */
  statuses: Record<number, number>;
  perSecond: number;
  /** From the time at which a request was due, so that waiting for a connection counts too. */
  latenciesMs: number[];
  /** Broken connections. */
  errors: number;
  /** Requests that were due but had no connection at the end. Their waits until then are among the latencies. */
  unsent: number;
}

export interface LoadOptions {
  port: number;
  connections: number;
  seconds: number;
  /** Requests a second; without it, each connection sends its next request as soon as it has its answer. */
  rate?: number;
  /** The bytes of a request; `number` counts from 0. */
  request: (number: number) => string | Buffer;
}

const HEAD_END = Buffer.from('\r\n\r\n');
/** The header as Fastify writes it. */
const LENGTH = Buffer.from('\r\ncontent-length: ');
const STATUS_AT = 'HTTP/1.1 '.length;

interface Connection {
  socket: net.Socket;
  /** When the current request was due; undefined for a free connection. */
  dueAt: number | undefined;
}

export async function load(options: LoadOptions): Promise<LoadReport> {
  const { port, connections, seconds, rate, request } = options;
  const report: LoadReport = { statuses: {}, perSecond: 0, latenciesMs: [], errors: 0, unsent: 0 };
  const startedAt = performance.now();
  const endsAt = startedAt + seconds * 1_000;
  const { promise: done, resolve: finish } = Promise.withResolvers<void>();
  const free: Connection[] = [];
  /** The due times of requests that wait for a connection. */
  const late: number[] = [];
  let sent = 0;
  let underWay = 0;
  let isOver = false;
  let isDone = false;

  const send = (connection: Connection, dueAt: number) => {
    connection.dueAt = dueAt;
    underWay += 1;
    connection.socket.write(request(sent));
    sent += 1;
  };
  const next = (connection: Connection) => {
    const now = performance.now();
    if (isOver || now >= endsAt) {
      isOver = true;
      if (underWay === 0) finish();
    } else if (rate === undefined) {
      send(connection, now);
    } else {
      const dueAt = late.shift();
      if (dueAt === undefined) free.push(connection);
      else send(connection, dueAt);
    }
  };
  const open = () =>
    new Promise<Connection>((resolve, reject) => {
      const socket = net.connect({ host: '127.0.0.1', port, noDelay: true });
      const connection: Connection = { socket, dueAt: undefined };
      let rest = Buffer.alloc(0);
      socket.once('connect', () => resolve(connection));
      socket.once('error', reject);
      socket.on('close', () => {
        if (isDone) return;
        report.errors += 1;
        const at = free.indexOf(connection);
        if (at >= 0) free.splice(at, 1);
        if (connection.dueAt === undefined) return;
        underWay -= 1;
        if (isOver && underWay === 0) finish();
      });
      socket.on('data', (chunk) => {
        rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
        for (;;) {
          const head = rest.indexOf(HEAD_END);
          if (head < 0) return;
          // Parsed as bytes: as text, each head would be copied and searched, and ours have many lines.
          const status = numberAt(rest, STATUS_AT);
          const lengthAt = rest.indexOf(LENGTH);
          const length = lengthAt < 0 || lengthAt > head ? 0 : numberAt(rest, lengthAt + LENGTH.length);
          const end = head + HEAD_END.length + length;
          if (rest.length < end) return;
          rest = rest.subarray(end);
          report.statuses[status] = (report.statuses[status] ?? 0) + 1;
          if (connection.dueAt !== undefined) {
            report.latenciesMs.push(performance.now() - connection.dueAt);
            connection.dueAt = undefined;
            underWay -= 1;
            next(connection);
          }
        }
      });
    });

  const all = await Promise.all(Array.from({ length: connections }, open));
  const begunAt = performance.now();
  let timer: NodeJS.Timeout | undefined;
  if (rate === undefined) {
    for (const connection of all) next(connection);
  } else {
    free.push(...all);
    let due = 0;
    timer = setInterval(() => {
      const now = performance.now();
      for (; due < ((Math.min(now, endsAt) - begunAt) * rate) / 1_000; due += 1) {
        const dueAt = begunAt + (due * 1_000) / rate;
        // In turns, as the API closes a connection without a request for 5 s.
        const connection = free.shift();
        if (connection === undefined) late.push(dueAt);
        else send(connection, dueAt);
      }
      if (now >= endsAt) {
        clearInterval(timer);
        isOver = true;
        if (underWay === 0) finish();
      }
    }, 1);
  }
  await done;
  clearInterval(timer);
  const endedAt = performance.now();
  report.perSecond = (report.latenciesMs.length * 1_000) / (endedAt - begunAt);
  report.unsent = late.length;
  // Without them, a server that falls behind would look faster than it is.
  for (const dueAt of late) report.latenciesMs.push(endedAt - dueAt);
  isDone = true;
  for (const { socket } of all) socket.destroy();
  return report;
}

/** A number in decimal digits. */
function numberAt(bytes: Buffer, from: number): number {
  let value = 0;
  for (let at = from; ; at += 1) {
    const digit = (bytes[at] ?? 0) - 48;
    if (digit < 0 || digit > 9) return value;
    value = value * 10 + digit;
  }
}
