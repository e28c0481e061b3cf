import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** TCP proxy at one address whose target can change, like a load balancer. */
export class SwitchableProxy {
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  target = 0;
  /** Number of accepted connections. */
  accepted = 0;

  constructor() {
    this.#server = createServer((client) => {
      this.accepted += 1;
      const upstream = connect(this.target, '127.0.0.1');
      for (const [from, to] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        this.#open.add(from);
        from.pipe(to);
        from.on('error', () => to.destroy());
        from.on('close', () => this.#open.delete(from));
      }
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  /** Ends all connections, as a network that breaks; new ones are accepted. */
  cut(): void {
    for (const socket of this.#open) socket.destroy();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cut();
    await closed;
  }
}
