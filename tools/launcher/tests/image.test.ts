import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { repoRoot } from '@antrean/testing/services';
import dockerignore from '@balena/dockerignore';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

interface Workspace {
  folder: string;
  name: string;
  dependencies?: Record<string, string>;
}

const read = (file: string) => readFileSync(path.join(repoRoot, file), 'utf8');
const find = (pattern: string) => globSync(pattern, { cwd: repoRoot });

const workspaces = (parse(read('pnpm-workspace.yaml')) as { packages: string[] }).packages
  .flatMap((pattern) => find(`${pattern}/package.json`))
  .map((manifest): Workspace => ({ ...JSON.parse(read(manifest)), folder: path.dirname(manifest) }));

const dockerfile = read('infra/docker/Dockerfile').replaceAll('\\\n', ' ');
const lastStage = dockerfile.split(/^(?=FROM )/m).at(-1) ?? '';
const copied = [...lastStage.matchAll(/^COPY (?!--from)(\S+) (\S+)$/gm)].map(([, from, to]) => {
  if (from !== to) throw new Error(`The Dockerfile copies ${from} to ${to}: this test cannot follow that.`);
  return from ?? '';
});
const ignored = dockerignore.default().add(read('.dockerignore'));

const isInImage = (file: string) =>
  copied.some((folder) => file.startsWith(`${folder}/`)) && !ignored.ignores(file);

interface Service {
  build?: unknown;
  command?: string[];
}
const { services } = parse(read('docker-compose.yml'), { merge: true }) as {
  services: Record<string, Service>;
};
const commands = Object.entries(services).flatMap(([name, { build, command }]) =>
  build === undefined || command === undefined ? [] : [[name, ...command]],
);
const imageCommand = JSON.parse(/^CMD (\[.*\])$/m.exec(lastStage)?.[1] ?? '[]') as string[];

/** The workspaces that an app needs at run time, and the programs that compose runs besides the apps. */
const run = workspaces.filter(
  ({ folder }) =>
    folder.startsWith('apps/') || commands.some(([, , file]) => file?.startsWith(`${folder}/`) === true),
);
const needed = new Set(run);
for (const { dependencies = {} } of needed) {
  for (const workspace of workspaces) if (workspace.name in dependencies) needed.add(workspace);
}

describe('the image', () => {
  it('has every file of every workspace that an app needs at run time', () => {
    expect(needed.size).toBeGreaterThan(run.length);
    const files = [...needed].flatMap(({ folder }) => [
      `${folder}/package.json`,
      ...find(`${folder}/src/**/*.*`).filter((file) => !file.endsWith('.test.ts')),
    ]);
    expect(files.filter((file) => !isInImage(file))).toEqual([]);
  });

  it('is built from a context with the manifest of every workspace, as the lockfile names them all', () => {
    const manifests = workspaces.map(({ folder }) => `${folder}/package.json`);
    expect(manifests.filter((file) => ignored.ignores(file))).toEqual([]);
  });

  it('installs the dependencies of each of these workspaces', () => {
    const [, filters = ''] = /^RUN pnpm install (.*)$/m.exec(dockerfile) ?? [];
    const selected = filters
      .split(/\s+/)
      .filter((word) => !/^--(frozen-lockfile|prod|no-optional)$/.test(word));
    // As pnpm itself resolves them.
    const answer = execFileSync(
      'pnpm',
      [...selected.map((word) => word.replaceAll('"', '')), 'ls', '--depth=-1', '--parseable'],
      { cwd: repoRoot, encoding: 'utf8' },
    );
    const installed = answer.split('\n').map((folder) => path.relative(repoRoot, folder));
    expect([...needed].map(({ folder }) => folder).filter((folder) => !installed.includes(folder))).toEqual(
      [],
    );
    expect(installed).not.toContain('packages/testing');
  });

  it('is started with defaults that name no other variable, which Compose 1.29 passes on as text', () => {
    expect(read('docker-compose.yml').match(/\$\{[^}]*\$\{/g)).toBe(null);
  });

  it('runs files that exist, by its own command and by those of compose', () => {
    expect(commands.length).toBeGreaterThan(3);
    for (const [service, program, file = ''] of [['the image', ...imageCommand], ...commands]) {
      expect(program, service).toBe('node');
      expect(existsSync(path.join(repoRoot, file)), `${service} runs ${file}`).toBe(true);
      expect(isInImage(file), `${service} runs ${file}`).toBe(true);
    }
  });
});
