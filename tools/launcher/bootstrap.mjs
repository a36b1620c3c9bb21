// The entry point of every npm script. It needs only Node 20 and npm: it installs dependencies, finds Node 24 and starts
// the command. Plain JavaScript without dependencies, because it runs before the install.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const PNPM = 'pnpm@12.21.0';
const COMMANDS = [
  'start',
  'dev',
  'reset',
  'demo',
  'test',
  'test-system',
  'check',
  'format',
  'bench',
  'ops',
  'migration',
];
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const bin = path.join(root, 'node_modules', '.bin');
const stampFile = path.join(root, 'node_modules', '.antrean-install');

const env = {
  ...process.env,
  PATH: `${bin}${path.delimiter}${process.env.PATH ?? ''}`,
  TURBO_TELEMETRY_DISABLED: '1',
  DO_NOT_TRACK: '1',
};

function fail(what, why, todo) {
  console.error(`\n${what}\n  Why: ${why}\n  What to do: ${todo}`);
  process.exit(1);
}

const [command = '', ...args] = process.argv.slice(2);
if (!COMMANDS.includes(command)) {
  fail(
    `Unknown command "${command}".`,
    'bootstrap.mjs takes one of a fixed list of commands.',
    `use one of: ${COMMANDS.join(', ')}.`,
  );
}
if (Number(process.versions.node.split('.')[0]) < 20) {
  fail(
    `Node ${process.versions.node} is too old.`,
    'this repository needs Node 20 or newer to start.',
    'install Node 24 (https://nodejs.org) and run the command again.',
  );
}

/** Changes with every manifest and the lockfile. */
function manifestHash() {
  const files = ['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json'];
  for (const group of ['apps', 'packages', 'tools', '.']) {
    const groupDir = path.join(root, group);
    if (!existsSync(groupDir)) continue;
    for (const name of readdirSync(groupDir).toSorted()) {
      const file = path.join(group, name, 'package.json');
      if (existsSync(path.join(root, file))) files.push(file);
    }
  }
  const hash = createHash('sha256').update(`${process.platform}-${process.arch}\0`);
  for (const file of files) {
    hash.update(`${file}\0`);
    const absolute = path.join(root, file);
    if (existsSync(absolute)) hash.update(readFileSync(absolute));
  }
  return hash.digest('hex');
}

let current; // signals are passed on to this child
let lastSignal = 0;
let interrupted = false;
// npm itself, as the scripts replace their shell (exec): when npm is killed, the child is stopped too.
const parent = process.ppid;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    interrupted = true;
    // npm passes on a signal that the terminal has already sent: one is enough.
    const now = Date.now();
    if (now - lastSignal < 500) return;
    lastSignal = now;
    if (signal === 'SIGINT' && process.stdin.isTTY) return; // the terminal has sent it to the child too
    current?.kill(signal);
  });
}
setInterval(() => {
  if (process.ppid !== parent && !interrupted) {
    interrupted = true;
    if (current) current.kill('SIGTERM');
    else process.exit(1);
  }
}, 500).unref();

/** Runs a command to its end; resolves to its exit code. */
function run(file, fileArgs, options = {}) {
  return new Promise((resolve) => {
    const stdio = options.ipc ? ['inherit', 'inherit', 'inherit', 'ipc'] : 'inherit';
    const child = spawn(file, fileArgs, { cwd: root, env, stdio });
    current = child;
    child.on('error', (error) => {
      current = undefined;
      console.error(`${file} could not be started: ${error.message}`);
      resolve(127);
    });
    child.on('exit', (code, signal) => {
      current = undefined;
      const number = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGKILL: 9, SIGTERM: 15 }[signal] ?? 1;
      resolve(code ?? 128 + number);
    });
  });
}

async function install() {
  const wanted = manifestHash();
  const have = existsSync(stampFile) ? readFileSync(stampFile, 'utf8').trim() : '';
  if (have === wanted) return;
  console.log(have === '' ? 'Installing dependencies (once) …' : 'Dependencies changed, installing …');
  const code = await run(process.platform === 'win32' ? 'npx.cmd' : 'npx', [
    '--yes',
    PNPM,
    'install',
    '--frozen-lockfile',
  ]);
  if (interrupted) process.exit(code || 1);
  if (code !== 0) {
    fail(
      'Installing the dependencies failed.',
      `\`npx --yes ${PNPM} install --frozen-lockfile\` ended with code ${code}; its message is above.`,
      'check that the npm registry is reachable and the disk has room (about 1 GB), then run the command again. ' +
        'If the lockfile is out of date, run `npx pnpm@12.21.0 install` and commit it.',
    );
  }
  mkdirSync(path.dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, `${wanted}\n`);
}

function findNode24() {
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  const name = `node-${process.platform}-${process.arch}`;
  for (const candidate of [path.join(root, 'node_modules', name, 'bin', 'node'), path.join(bin, 'node')]) {
    if (!existsSync(candidate)) continue;
    const answer = spawnSync(candidate, ['--version'], { encoding: 'utf8' });
    if (answer.status === 0 && Number(/^v(\d+)/.exec(answer.stdout)?.[1]) >= 24) return candidate;
  }
  return fail(
    `Node 24 was not found (this is Node ${process.versions.node}).`,
    `no ready-made Node 24 works on ${process.platform}-${process.arch} from node_modules.`,
    'install Node 24 (https://nodejs.org) and run the command again.',
  );
}

const pnpm = path.join(bin, 'pnpm');

await install();
const node24 = findNode24();
const script = (name) => [path.join(root, 'tools/launcher/src', name), ...args];

let code = 0;
switch (command) {
  case 'dev':
    code = await run(node24, [...script('start.ts'), '--watch'], { ipc: true });
    break;
  case 'start':
  case 'demo':
    code = await run(node24, script(`${command}.ts`), { ipc: true });
    break;
  case 'reset':
  case 'ops':
    code = await run(node24, script(`${command}.ts`));
    break;
  case 'migration':
    code = await run(node24, script('add-migration.ts'));
    break;
  case 'bench':
    code = await run(node24, [path.join(root, 'tools/bench/src/main.ts'), ...args]);
    break;
  case 'check':
    code = await run(pnpm, ['run', 'check:all']);
    break;
  case 'test-system':
    code = await run(path.join(bin, 'vitest'), ['run', '--project', 'system', ...args]);
    break;
  case 'test':
    if (args.length > 0) {
      code = await run(path.join(bin, 'vitest'), ['run', '--project', 'unit', '--project', 'main', ...args]);
    } else {
      code = await run(pnpm, ['run', 'check:all']);
      if (code === 0 && !interrupted) code = await run(pnpm, ['run', 'test:all']);
    }
    break;
  case 'format':
    code = await run(path.join(bin, 'biome'), ['format', '--write', '.', ...args]);
    break;
}
process.exit(code);
