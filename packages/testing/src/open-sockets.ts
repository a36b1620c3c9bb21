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

/** Notes the connections that are opened by what `run` starts in this process, however much later. */
export function watchSockets() {
  const sockets = new Set<Socket>();
  return {
    run: <T>(work: () => T): T => opened.run(sockets, work),
    /** How many are open to these ports. */
    openTo: (ports: readonly number[]): number =>
      [...sockets].filter(({ remotePort = 0 }) => ports.includes(remotePort)).length,
  };
}
