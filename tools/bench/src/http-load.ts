// Load over keep-alive connections, as cheap as it can be made: on a small machine it shares the cores with what it
// measures. Requests are written as they come, of answers only status and length are read.
import net from 'node:net';

export interface LoadReport {
  /** Answers by status. */
  statuses: Record<number, number>;
  perSecond: number;
  /** From when a request was to be sent, so that one that had to wait for a connection counts in full. */
  latenciesMs: number[];
  /** Of connections that broke. */
  errors: number;
  /** Due before the end, and still without a connection at it: how long they had waited by then is among the latencies. */
  unsent: number;
}

export interface LoadOptions {
  port: number;
  connections: number;
  seconds: number;
  /** Requests a second; without it, each connection sends its next request as soon as it has its answer. */
  rate?: number;
  /** The whole request as it goes over the wire; `number` counts from 0. */
  request: (number: number) => string | Buffer;
}

const HEAD_END = Buffer.from('\r\n\r\n');
/** As Fastify writes it. */
const LENGTH = Buffer.from('\r\ncontent-length: ');
const STATUS_AT = 'HTTP/1.1 '.length;

interface Connection {
  socket: net.Socket;
  /** When the request under way was to be sent; undefined while it is free. */
  dueAt: number | undefined;
}

export async function load(options: LoadOptions): Promise<LoadReport> {
  const { port, connections, seconds, rate, request } = options;
  const report: LoadReport = { statuses: {}, perSecond: 0, latenciesMs: [], errors: 0, unsent: 0 };
  const startedAt = performance.now();
  const endsAt = startedAt + seconds * 1_000;
  const { promise: done, resolve: finish } = Promise.withResolvers<void>();
  const free: Connection[] = [];
  /** When each request that waits for a connection was to be sent. */
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
          // By bytes: as text, each head would be copied and searched, and there are many lines in ours.
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
        // By turns: the API lets go of a connection on which nothing was asked within 5 s.
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
  // Without them a server that falls behind would look the faster the further it does.
  for (const dueAt of late) report.latenciesMs.push(endedAt - dueAt);
  isDone = true;
  for (const { socket } of all) socket.destroy();
  return report;
}

/** Written in decimal digits. */
function numberAt(bytes: Buffer, from: number): number {
  let value = 0;
  for (let at = from; ; at += 1) {
    const digit = (bytes[at] ?? 0) - 48;
    if (digit < 0 || digit > 9) return value;
    value = value * 10 + digit;
  }
}
