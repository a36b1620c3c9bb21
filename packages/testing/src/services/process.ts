import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isAlive } from './liveness.ts';

export { isAlive };

export const repoRoot = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../..');

export type Log = (line: string) => void;

export function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

/** True for a living process whose command matches and, where /proc exists, whose directory is `cwd`. */
export function isProcessIn(pid: number, command: RegExp, cwd: string): boolean {
  if (!isAlive(pid) || !existsSync('/proc/self/stat')) return false;
  try {
    return (
      command.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8')) && readlinkSync(`/proc/${pid}/cwd`) === cwd
    );
  } catch {
    return false;
  }
}

function canListen(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address();
      const got = typeof address === 'object' && address !== null ? address.port : undefined;
      server.close(() => resolve(got));
    });
  });
}

/** The preferred port of 127.0.0.1 or the next free one; without a preference any free port. */
export async function freePort(preferred = 0, taken: ReadonlySet<number> = new Set()): Promise<number> {
  if (preferred > 0) {
    for (let port = preferred; port < Math.min(preferred + 100, 65_536); port++) {
      if (!taken.has(port) && (await canListen(port)) !== undefined) return port;
    }
  }
  const port = await canListen(0);
  if (port === undefined) throw new Error('No free port on 127.0.0.1.');
  return port;
}

/** Waits until the process has ended; false if it still lives after the time. */
async function waitGone(pid: number, milliseconds: number): Promise<boolean> {
  const end = Date.now() + milliseconds;
  while (isAlive(pid)) {
    if (Date.now() > end) return false;
    await sleep(30);
  }
  return true;
}

/** Sends one signal after the other, each with a bounded wait, until the process has ended. */
export async function stopPid(
  pid: number,
  steps: ReadonlyArray<readonly [NodeJS.Signals, number]>,
  group = false,
): Promise<void> {
  for (const [signal, milliseconds] of steps) {
    try {
      process.kill(group ? -pid : pid, signal);
    } catch {
      // already ended
    }
    if (await waitGone(pid, milliseconds)) return;
  }
}

/** Resolves with the exit code or signal, once the process has ended. */
export function whenEnded(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`));
  });
}

/** Keeps the last lines of a process's output. */
export class Tail {
  readonly lines: string[] = [];
  #rest = '';
  push(chunk: Buffer | string, each?: Log): void {
    const parts = (this.#rest + chunk.toString()).split('\n');
    this.#rest = parts.pop() ?? '';
    for (const line of parts) {
      this.lines.push(line);
      if (this.lines.length > 40) this.lines.shift();
      each?.(line);
    }
  }
  text(): string {
    return [...this.lines, this.#rest].filter((line) => line !== '').join('\n');
  }
}

let guardian: ChildProcess | undefined;
const guarded = new Set<string>();

function guardianProcess(): ChildProcess {
  if (guardian !== undefined) return guardian;
  const file = fileURLToPath(new URL('./guardian.ts', import.meta.url));
  const child = spawn(process.execPath, [file], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
  });
  child.stdin?.on('error', () => {});
  child.on('error', () => {});
  child.unref();
  guardian = child;
  return child;
}

function tellGuardian(line: string): void {
  const stdin = guardianProcess().stdin;
  stdin?.write(`${line}\n`);
  if (stdin !== null && 'unref' in stdin && typeof stdin.unref === 'function') stdin.unref();
}

/** Starts the guardian before any child, so that every child is guarded. */
export function prepareGuardian(): void {
  guardianProcess();
}

/** The guardian ends this process if we are killed. */
export function guard(pid: number, signal: NodeJS.Signals, group = false): void {
  guarded.add(`${pid}`);
  tellGuardian(`add ${pid} ${signal} ${group ? 'group' : 'single'}`);
}

/** The guardian removes this directory if we are killed. */
export function guardDirectory(directory: string): void {
  guarded.add(directory);
  tellGuardian(`directory ${directory}`);
}

/** The guardian removes this container if we are killed. */
export function guardContainer(name: string): void {
  guarded.add(name);
  tellGuardian(`container ${name}`);
}

/** Stops guarding a process, directory or container; the guardian ends with the last one. */
export async function release(what: number | string): Promise<void> {
  if (!guarded.delete(`${what}`)) return;
  tellGuardian(`remove ${what}`);
  const child = guardian;
  if (guarded.size > 0 || child === undefined) return;
  guardian = undefined;
  child.stdin?.end('done\n');
  if (child.exitCode === null) await Promise.race([once(child, 'exit'), sleep(3000)]);
}
