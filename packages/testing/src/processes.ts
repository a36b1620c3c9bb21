// Processes of ours: started, observed, and stopped or killed. No process outlives its test.
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { freePort, guard, release, repoRoot } from './services/process.ts';

export type Env = Readonly<Record<string, string>>;

/** A running app, in this process or in its own. */
export interface RunningApp {
  /** The address of its API; for a worker, of its health check. */
  readonly url: string;
  /** Stops it gracefully; repeated calls stop it once. */
  stop(): Promise<void>;
}
/** Starts an app with this environment. Resolves once it listens. */
export type StartApp<A extends RunningApp = RunningApp> = (env: Env) => Promise<A>;

export interface NodeProcess {
  readonly pid: number;
  readonly child: ChildProcess;
  /** The output so far, of both streams. */
  output(): string;
  /** Resolves once the output contains this text; fails if the process ends before. */
  printed(text: string): Promise<void>;
  /** Resolves once it has sent the message `ready`, as every app does; fails if it ends before. */
  ready(): Promise<void>;
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** Sends SIGTERM. Fails if the process does not end in time with code 0, unless `kill` ended it. */
  stop(withinMs?: number): Promise<void>;
  /** Sends SIGKILL. */
  kill(): Promise<void>;
}

export interface NodeOptions {
  args?: readonly string[];
  /** Added to the environment of this process. */
  env?: Env;
  execArgv?: readonly string[];
  /** kept: for `output`. shown: on our own streams. errors: stderr is shown, stdout dropped. */
  prints?: 'kept' | 'shown' | 'errors';
}

/** Lines of output in the error for a process that failed. */
const LAST_LINES = 30;
const running = new Set<NodeProcess>();

/** Starts Node with a file, whose path is relative to the repository's root. */
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
  /** Called after each output, message or end of the process. */
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
  // Not `exit`: at that event some output may still be unread.
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
        else reject(new Error(`${entry} ended (${end}) before it ${what}:\n${lastLines()}`));
      };
      watchers.add(look);
      look();
    });
  const started: NodeProcess = {
    pid,
    child,
    ended,
    output: () => text,
    printed: (wanted) => become(`printed "${wanted}"`, () => text.includes(wanted)),
    ready: () => become('was ready', () => isReady),
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

/** Kills all processes that still run. */
export async function killProcesses(): Promise<void> {
  await Promise.all([...running].map((each) => each.kill()));
}

/** Runs a Node file of ours to its end. */
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

/** An app in its own process, as in production. */
export interface AppProcess extends RunningApp {
  /** The running process, or the last one. */
  readonly process: NodeProcess;
  kill(): Promise<void>;
  /** Starts it again at the same address, after it has ended. */
  restart(overrides?: Env): Promise<void>;
  /** The output of all its processes. */
  output(): string;
}

/** Starts an app as a process: from its file, with the environment variable of its port. */
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
        // Another process may have taken the port first.
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
