// A TCP proxy on loopback, in its own process. Arguments: target port, delay in ms.
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

const [targetPort = 0, delayMs = 0] = process.argv.slice(2).map(Number);

function handOn(from: Socket, to: Socket): void {
  from.on('data', (chunk) => {
    if (delayMs === 0) to.write(chunk);
    else setTimeout(() => to.writable && to.write(chunk), delayMs);
  });
  from.once('close', () => setTimeout(() => to.destroy(), delayMs));
  from.on('error', () => undefined);
}

const server = createServer({ noDelay: true }, (client) => {
  const target = connect({ host: '127.0.0.1', port: targetPort, noDelay: true });
  handOn(client, target);
  handOn(target, client);
});
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.once('disconnect', () => process.exit(0));
