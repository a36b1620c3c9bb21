import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

const opened = new AsyncLocalStorage<Set<Socket>>();
subscribe('net.client.socket', (message) => {
  const sockets = opened.getStore();
  const { socket } = message as { socket: Socket };
  sockets?.add(socket);
  socket.once('close', () => sockets?.delete(socket));
});

/** Tracks the connections that code started by `run` opens in this process, also later ones. */
export function watchSockets() {
  const sockets = new Set<Socket>();
  return {
    run: <T>(work: () => T): T => opened.run(sockets, work),
    /** How many connections to these ports are open. */
    openTo: (ports: readonly number[]): number =>
      [...sockets].filter(({ remotePort = 0 }) => ports.includes(remotePort)).length,
  };
}
