// Programs from Debian packages, for a machine without them.
import { spawn, spawnSync } from 'node:child_process';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import path from 'node:path';
import { guard, guardDirectory, type Log, release, repoRoot, Tail } from './process.ts';

export interface Program {
  readonly file: string;
  /** Variables to add to this process's own, such as the folder of an unpacked program's libraries. */
  readonly env: Readonly<Record<string, string>>;
}

function onPath(name: string): string | undefined {
  for (const directory of (process.env.PATH ?? '').split(path.delimiter)) {
    if (directory === '') continue;
    const file = path.join(directory, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // not in this folder
    }
  }
  return undefined;
}

/** The program of this name on the PATH. */
export function installedProgram(name: string): Program | undefined {
  const file = onPath(name);
  return file === undefined ? undefined : { file, env: {} };
}

export const canUnpackPackages = (): boolean =>
  onPath('apt-get') !== undefined && onPath('dpkg-deb') !== undefined;

async function command(file: string, args: string[]): Promise<void> {
  const child = spawn(file, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
  });
  if (child.pid !== undefined) guard(child.pid, 'SIGTERM');
  const tail = new Tail();
  child.stdout.on('data', (chunk: Buffer) => tail.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => tail.push(chunk));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (child.pid !== undefined) await release(child.pid);
  if (code !== 0) throw new Error(`${file} ended with code ${code}:\n${tail.text()}`);
}

function programIn(root: string, name: string): Program | undefined {
  const file = path.join(root, 'usr/bin', name);
  if (!existsSync(file)) return undefined;
  const libraries: string[] = [];
  for (const lib of ['usr/lib', 'lib']) {
    const directory = path.join(root, lib);
    if (!existsSync(directory)) continue;
    libraries.push(directory);
    for (const entry of readdirSync(directory)) {
      if (entry.includes('-linux-')) libraries.push(path.join(directory, entry));
    }
  }
  return { file, env: { LD_LIBRARY_PATH: libraries.join(':') } };
}

/**
 * The program of the Debian package of the same name, downloaded once and unpacked under `.local/` with the packages that
 * it needs; the system stays unchanged. Fails if the package is unavailable or the program does not run.
 */
export async function unpackedProgram(name: string, log?: Log): Promise<Program> {
  const home = path.join(repoRoot, '.local', name);
  const root = path.join(home, 'root');
  if (programIn(root, name) === undefined) {
    log?.(`${name} is not installed: unpacking the distribution's package under .local/${name} (once)`);
    await unpack(name, home, root);
  }
  const program = programIn(root, name);
  if (program === undefined) throw new Error(`The package ${name} has no program of this name.`);
  const { status, stderr } = spawnSync(program.file, ['--version'], {
    env: { ...process.env, ...program.env },
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`The unpacked ${name} does not run: ${stderr}`);
  return program;
}

async function unpack(packageName: string, home: string, root: string): Promise<void> {
  mkdirSync(home, { recursive: true });
  const work = mkdtempSync(path.join(home, 'work-'));
  guardDirectory(work);
  try {
    const state = path.join(work, 'state');
    const cache = path.join(work, 'cache');
    const fresh = path.join(work, 'root');
    mkdirSync(path.join(state, 'lists/partial'), { recursive: true });
    mkdirSync(path.join(cache, 'archives/partial'), { recursive: true });
    mkdirSync(fresh);
    const options = [
      `Dir::State=${state}`,
      'Dir::State::status=/var/lib/dpkg/status',
      `Dir::State::lists=${state}/lists`,
      `Dir::State::extended_states=${state}/extended_states`,
      `Dir::Cache=${cache}`,
      `Dir::Cache::archives=${cache}/archives`,
      `Dir::Log=${work}`,
      'Debug::NoLocking=1',
      'APT::Sandbox::User=root',
      'Acquire::Languages=none',
      'Acquire::Retries=2',
    ].flatMap((option) => ['-o', option]);
    await command('apt-get', [...options, 'update']);
    const install = ['install', '--download-only', '-y', '--no-install-recommends', packageName];
    await command('apt-get', [...options, ...install]);
    for (const name of readdirSync(path.join(cache, 'archives'))) {
      if (name.endsWith('.deb')) {
        await command('dpkg-deb', ['-x', path.join(cache, 'archives', name), fresh]);
      }
    }
    try {
      renameSync(fresh, root);
    } catch (error) {
      if (programIn(root, packageName) === undefined) throw error; // else another process has unpacked it
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
    await release(work);
  }
}
