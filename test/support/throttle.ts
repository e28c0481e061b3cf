import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Address } from './wire.ts';

const STEP_MS = 20;

/** TCP proxy that forwards the server's bytes at `bytesPerSecond`, with backpressure; the client's are not limited. */
export interface Throttle extends Address {
  close(): void;
}

export async function startThrottle(to: Address, bytesPerSecond: number): Promise<Throttle> {
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const server = connect({ host: to.host, port: to.port, noDelay: true });
    client.setNoDelay(true);
    client.pipe(server);
    for (const [side, other] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(side);
      side.on('error', () => undefined);
      side.on('close', () => {
        sockets.delete(side);
        other.destroy();
      });
    }
    forwardAtRate(server, client, bytesPerSecond);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    host: '127.0.0.1',
    port: (proxy.address() as AddressInfo).port,
    close() {
      proxy.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Reads only as many bytes as it may forward, so that TCP flow control slows the sender. */
function forwardAtRate(from: Socket, to: Socket, bytesPerSecond: number): void {
  let lastMs = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    let allowance = Math.floor(((now - lastMs) * bytesPerSecond) / 1000);
    lastMs = now;
    while (allowance > 0 && from.readableLength > 0) {
      const bytes = from.read(Math.min(allowance, from.readableLength)) as Buffer | null;
      if (bytes === null) return;
      allowance -= bytes.length;
      to.write(bytes);
    }
  }, STEP_MS);
  from.on('readable', () => undefined);
  from.once('end', () => to.end());
  from.once('close', () => clearInterval(timer));
}
