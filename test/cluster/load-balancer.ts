import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A TCP load balancer: chooses a node for each connection. */
export interface LoadBalancer {
  readonly port: number;
  /** Number of connections of each node. */
  readonly counts: readonly number[];
  close(): Promise<void>;
}

/** `choose` returns an index of `ports`; random by default. */
export async function startLoadBalancer(
  ports: readonly number[],
  choose: () => number = () => Math.floor(Math.random() * ports.length),
): Promise<LoadBalancer> {
  const open = new Set<Socket>();
  const counts = ports.map(() => 0);
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const at = choose();
    counts[at] = (counts[at] ?? 0) + 1;
    const node = connect({ port: ports[at] ?? 0, host: '127.0.0.1', allowHalfOpen: true });
    client.pipe(node);
    node.pipe(client);
    for (const [side, opposite] of [
      [client, node],
      [node, client],
    ] as const) {
      side.setNoDelay(true);
      open.add(side);
      side.on('error', () => opposite.resetAndDestroy());
      side.on('close', () => {
        open.delete(side);
        opposite.end();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as { port: number }).port,
    counts,
    async close() {
      server.close();
      for (const socket of open) socket.destroy();
      await once(server, 'close');
    },
  };
}
