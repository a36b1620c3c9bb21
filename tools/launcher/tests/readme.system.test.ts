import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { installedProgram, repoRoot, unpackedProgram } from '@antrean/testing/services';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchShop, localDirectory } from './launch-shop.ts';

let local: string;
beforeAll(() => {
  local = localDirectory();
});
afterAll(() => rmSync(local, { recursive: true, force: true }));

/** The blocks of the README that a reader pastes into a second terminal. */
function pasted(): string[] {
  const readme = readFileSync(path.join(repoRoot, 'README.md'), 'utf8');
  const [, tour = ''] = /^## Try it$(.*?)^## /ms.exec(readme) ?? [];
  return [...tour.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block);
}

/** A folder with those files of a clone that the README names, and a curl that fails on an error status. */
async function workingDirectory(): Promise<{ cwd: string; bin: string }> {
  const cwd = path.join(local, 'clone');
  const bin = path.join(local, 'bin');
  mkdirSync(cwd);
  mkdirSync(bin);
  for (const name of ['ops', 'tools']) symlinkSync(path.join(repoRoot, name), path.join(cwd, name));
  symlinkSync(local, path.join(cwd, '.local'));
  const { file, env } = installedProgram('curl') ?? (await unpackedProgram('curl'));
  const variables = Object.entries(env).map(([name, value]) => `${name}='${value}' `);
  const script = `#!/bin/sh\n${variables.join('')}exec '${file}' --fail-with-body "$@"\n`;
  writeFileSync(path.join(bin, 'curl'), script, { mode: 0o755 });
  return { cwd, bin };
}

describe('the README', () => {
  it('can be pasted block by block after npm start', async () => {
    const blocks = pasted();
    expect(blocks.length).toBeGreaterThan(8);
    const { launcher, storefront } = await launchShop(local);
    const { cwd, bin } = await workingDirectory();
    const script = [...blocks, 'echo "the order: $ORDER, the other: $OTHER, the third: $THIRD"'].join('\n');
    const env = { ...process.env, ANTREAN_LOCAL: local, PATH: `${bin}:${process.env.PATH ?? ''}` };
    const { stdout } = await promisify(execFile)('bash', ['-eu', '-c', script], {
      cwd,
      env,
      timeout: 120_000,
    });
    const [, order = '', other = '', third = ''] =
      /the order: (\S+), the other: (\S+), the third: (\S+)/.exec(stdout) ?? [];
    expect(await storefront.read(order)).toMatchObject({ status: 'shipped' });
    await storefront.until(other, 'paid');
    await storefront.until(third, 'cancelled');
    await launcher.stop();
  }, 240_000);
});
