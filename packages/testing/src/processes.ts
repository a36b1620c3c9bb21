// Processes of ours: started, heard, and ended in order or by force. None outlives its test.
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { freePort, guard, release, repoRoot } from './services/process.ts';

export type Env = Readonly<Record<string, string>>;

/** An app that runs, in this process or in one of its own. */
export interface RunningApp {
  /** Where it listens; of a worker, its health. */
  readonly url: string;
  /** Ends it in order, once however often it is called. */
  stop(): Promise<void>;
}
/** Starts an app with this environment. Resolves once it listens. */
export type StartApp<A extends RunningApp = RunningApp> = (env: Env) => Promise<A>;

export interface NodeProcess {
  readonly pid: number;
  readonly child: ChildProcess;
  /** What it has printed so far, to both streams. */
  output(): string;
  /** Resolves once it has printed this; fails when it ends before. */
  printed(text: string): Promise<void>;
  /** Resolves once it has sent the message `ready`, as every app does; fails when it ends before. */
  ready(): Promise<void>;
  /** With a signal's name where it was killed. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** Ends it with SIGTERM. Fails where it does not end within the time, or not with code 0, unless it was killed by `kill`. */
  stop(withinMs?: number): Promise<void>;
  /** Ends it with SIGKILL. */
  kill(): Promise<void>;
}

export interface NodeOptions {
  args?: readonly string[];
  /** On top of this process's own. */
  env?: Env;
  execArgv?: readonly string[];
  /** kept: for `output`. shown: on our own streams. errors: only what goes to stderr is shown, the rest goes nowhere. */
  prints?: 'kept' | 'shown' | 'errors';
}

/** Shown of a process that failed. */
const LAST_LINES = 30;
const running = new Set<NodeProcess>();

/** Starts Node on a file, which is named from the root of the repository. */
export function startNode(
  entry: string,
  { args = [], env = {}, execArgv = [], prints = 'kept' }: NodeOptions = {},
): NodeProcess {
  const streams = {
    kept: ['pipe', 'pipe'],
    shown: ['inherit', 'inherit'],
    errors: ['ignore', 'inherit'],
  } as const;
  const child = spawn(process.execPath, [...execArgv, path.join(repoRoot, entry), ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', ...streams[prints], 'ipc'],
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${entry} could not be started.`);
  guard(pid, 'SIGKILL');

  let text = '';
  let end: number | NodeJS.Signals | undefined;
  let isReady = false;
  let isKilled = false;
  /** Called whenever something has come of it. */
  const watchers = new Set<() => void>();
  const wake = (): void => {
    for (const watcher of watchers) watcher();
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      wake();
    });
  }
  child.on('message', (message) => {
    if (message !== 'ready') return;
    isReady = true;
    wake();
  });
  // Not `exit`: by then it may still be read what it has printed.
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('close', (code, signal) => {
      end = code ?? signal ?? 1;
      running.delete(started);
      void release(pid);
      resolve(end);
      wake();
    });
  });
  const lastLines = () => text.trimEnd().split('\n').slice(-LAST_LINES).join('\n');
  const become = (what: string, isSo: () => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (!isSo() && end === undefined) return;
        watchers.delete(look);
        if (isSo()) resolve();
        else reject(new Error(`${entry} ended (${end}) and was not ${what}:\n${lastLines()}`));
      };
      watchers.add(look);
      look();
    });
  const started: NodeProcess = {
    pid,
    child,
    ended,
    output: () => text,
    printed: (wanted) => become(`heard to print "${wanted}"`, () => text.includes(wanted)),
    ready: () => become('ready', () => isReady),
    async stop(withinMs = 15_000) {
      child.kill('SIGTERM');
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        child.kill('SIGKILL');
      }, withinMs);
      const how = await ended;
      clearTimeout(timer);
      if (isKilled || how === 0) return;
      const what = isLate ? `did not end within ${withinMs / 1_000} s of SIGTERM` : `ended (${how})`;
      throw new Error(`${entry} ${what}:\n${lastLines()}`);
    },
    async kill() {
      isKilled = true;
      child.kill('SIGKILL');
      await ended;
    },
  };
  running.add(started);
  return started;
}

/** Ends whatever still runs. */
export async function killProcesses(): Promise<void> {
  await Promise.all([...running].map((each) => each.kill()));
}

/** Runs a command of ours to its end. */
export async function runNode(
  entry: string,
  args: readonly string[],
  env: Env = {},
): Promise<{ code: number | NodeJS.Signals; stdout: string; stderr: string; output: string }> {
  const started = startNode(entry, { args, env });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    started.child[name]?.on('data', (chunk: string) => {
      said[name] += chunk;
    });
  }
  return { code: await started.ended, ...said, output: started.output() };
}

/** An app in a process of its own, as in production. */
export interface AppProcess extends RunningApp {
  /** The one that runs now, or was the last to. */
  readonly process: NodeProcess;
  kill(): Promise<void>;
  /** Starts it again at the same address, once it has ended. */
  restart(overrides?: Env): Promise<void>;
  /** What all its processes have printed. */
  output(): string;
}

/** How an app is started as a process: its file, and the variable that names the port on which it is to listen. */
export function processOf(
  entry: string,
  { port: portName, ...options }: { port: string } & Omit<NodeOptions, 'args' | 'env'>,
): StartApp<AppProcess> {
  const startAt = async (env: Env): Promise<NodeProcess> => {
    const started = startNode(entry, { ...options, env });
    try {
      await started.ready();
    } catch (error) {
      await started.kill();
      throw error;
    }
    return started;
  };
  return async (given) => {
    const refused = new Set<number>();
    for (;;) {
      const port = await freePort(0, refused);
      const url = `http://127.0.0.1:${port}`;
      const env = { PUBLIC_URL: url, ...given, [portName]: `${port}` };
      let current: NodeProcess;
      try {
        current = await startAt(env);
      } catch (error) {
        // Another process may be faster to take the port.
        refused.add(port);
        if (refused.size < 5 && String(error).includes('EADDRINUSE')) continue;
        throw error;
      }
      const before: string[] = [];
      return {
        url,
        get process() {
          return current;
        },
        stop: () => current.stop(),
        kill: () => current.kill(),
        async restart(overrides = {}) {
          await current.ended;
          before.push(current.output());
          current = await startAt({ ...env, ...overrides });
        },
        output: () => [...before, current.output()].join(''),
      };
    }
  };
}
