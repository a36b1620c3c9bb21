import { chmodSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createStorefront, type Env, startNode } from '@antrean/testing';

/** A folder in place of `.local`. PostgreSQL may run as another user, who must be able to enter it. */
export function localDirectory(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'antrean-start-'));
  chmodSync(directory, 0o711);
  return directory;
}

/** Runs `npm start`, or `npm run dev` with `--watch`. Without stores in the environment it starts its own. */
export async function launchShop(local: string, env: Env = {}, ...args: string[]) {
  const launcher = startNode('tools/launcher/src/start.ts', { args, env: { ANTREAN_LOCAL: local, ...env } });
  await launcher.printed('Stop with Ctrl-C');
  const output = launcher.output();
  const pids = ['api', 'worker', 'simulator', 'admin'].map((name) =>
    Number(readFileSync(path.join(local, `${name}.pid`), 'utf8').split(' ')[0]),
  );
  const [, apiUrl = ''] = /^ {2}API +(\S+)/m.exec(output) ?? [];
  const [, key = ''] = /^ {2}Demo key +(\S+)/m.exec(output) ?? [];
  const [, admin = ''] = /^ {2}Admin API +(\S+)\/admin\/docs$/m.exec(output) ?? [];
  const adminToken = readFileSync(path.join(local, 'admin-token'), 'utf8').trim();
  return { launcher, pids, admin, adminToken, storefront: createStorefront({ apiUrl, key }) };
}
