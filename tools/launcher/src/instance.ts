import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { isAlive, processIdentity } from '@antrean/testing/services';
import { repoRoot } from '@antrean/testing/services';

/** Tests set ANTREAN_LOCAL to start a system of their own next to the one in .local. */
export const localDirectory = process.env.ANTREAN_LOCAL ?? path.join(repoRoot, '.local');
const instanceFile = path.join(localDirectory, 'launcher.json');

export type Instance = { pid: number; started: string; addresses: Record<string, string> };

/** The running launcher of this repository, if there is one. */
export function runningInstance(): Instance | undefined {
  if (!existsSync(instanceFile)) return undefined;
  try {
    const instance = JSON.parse(readFileSync(instanceFile, 'utf8')) as Instance;
    if (!isAlive(instance.pid)) return undefined;
    return (processIdentity(instance.pid)?.started ?? '') === instance.started ? instance : undefined;
  } catch {
    return undefined; // cut short by a crash
  }
}

function write(addresses: Record<string, string>, flag: 'w' | 'wx'): void {
  const instance: Instance = {
    pid: process.pid,
    started: processIdentity(process.pid)?.started ?? '',
    addresses,
  };
  writeFileSync(instanceFile, `${JSON.stringify(instance, null, 2)}\n`, { flag, mode: 0o600 });
}

/** Registers this process as the only launcher; returns the other one if one is running. */
export function claimInstance(): Instance | undefined {
  mkdirSync(localDirectory, { recursive: true });
  const other = runningInstance();
  if (other !== undefined) return other;
  rmSync(instanceFile, { force: true });
  try {
    write({}, 'wx');
    return undefined;
  } catch (error) {
    const winner = runningInstance();
    if (winner === undefined) throw error;
    return winner;
  }
}

export function publishAddresses(addresses: Record<string, string>): void {
  write(addresses, 'w');
}

export function leaveInstance(): void {
  rmSync(instanceFile, { force: true });
}
