import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** The two connections of a node to Redis, distinguished by their first command. */
export type Link = 'commands' | 'subscriber';

/**
 * Faults of a connection:
 * `stalled`: no bytes arrive in either direction until it heals, as in a partition; TCP then retransmits them.
 * `blackholed`: bytes in both directions are discarded, as when a firewall loses its state; the connection never recovers.
 * `repliesLost`: Redis runs the node's commands, and its replies are discarded. The connection is closed when it heals.
 */
export type Fault = 'none' | 'stalled' | 'blackholed' | 'repliesLost';

/** Bytes in flight in one direction: delivers them in order, each after its delay. */
class Direction {
  readonly #to: Socket;
  #queue: { bytes: Buffer | undefined; dueMs: number }[] = [];
  #timer: NodeJS.Timeout | undefined;
  isStalled = false;

  constructor(to: Socket) {
    this.#to = to;
  }

  push(bytes: Buffer, delayMs: number): void {
    if (delayMs === 0 && this.#queue.length === 0 && !this.isStalled) this.#to.write(bytes);
    else this.#queue.push({ bytes, dueMs: performance.now() + delayMs });
    this.#schedule();
  }

  /** Ends the connection after all bytes that were sent before are delivered. */
  end(delayMs: number): void {
    this.#queue.push({ bytes: undefined, dueMs: performance.now() + delayMs });
    this.#schedule();
  }

  release(): void {
    this.isStalled = false;
    this.#schedule();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#queue = [];
  }

  #schedule(): void {
    const [first] = this.#queue;
    if (first === undefined || this.isStalled || this.#timer !== undefined) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        while (!this.isStalled && (this.#queue[0]?.dueMs ?? Infinity) <= performance.now()) {
          const { bytes } = this.#queue.shift()!;
          if (bytes === undefined) this.#to.destroySoon();
          else this.#to.write(bytes);
        }
        this.#schedule();
      },
      Math.max(0, first.dueMs - performance.now()),
    );
  }
}

/** One connection through the proxy. */
class ProxiedConnection {
  link: Link | undefined;
  readonly #proxy: FaultProxy;
  readonly #node: Socket;
  readonly #redis: Socket;
  readonly #toNode: Direction;
  readonly #toRedis: Direction;
  #fault: Fault = 'none';
  #hasLostBytes = false;

  constructor(proxy: FaultProxy, node: Socket, redisPort: number) {
    this.#proxy = proxy;
    this.#node = node;
    this.#redis = connect(redisPort, '127.0.0.1');
    this.#toNode = new Direction(node);
    this.#toRedis = new Direction(this.#redis);
    node.setNoDelay(true);
    this.#redis.setNoDelay(true);
    node.on('data', (bytes: Buffer) => this.#fromNode(bytes));
    this.#redis.on('data', (bytes: Buffer) => this.#fromRedis(bytes));
    for (const [socket, opposite] of [
      [node, this.#toRedis],
      [this.#redis, this.#toNode],
    ] as const) {
      socket.on('error', () => undefined);
      // On a blackholed connection neither end receives the close of the other.
      socket.on('close', () => (this.#fault === 'blackholed' ? undefined : opposite.end(proxy.delayMs)));
    }
  }

  onClose(listener: () => void): void {
    this.#node.once('close', listener);
  }

  setFault(fault: Fault): void {
    if (this.#hasLostBytes) {
      if (fault === 'none' && this.#fault === 'repliesLost') this.cut();
      return;
    }
    this.#fault = fault;
    for (const direction of [this.#toNode, this.#toRedis]) {
      if (fault === 'stalled') direction.isStalled = true;
      else direction.release();
    }
  }

  cut(): void {
    this.#toNode.stop();
    this.#toRedis.stop();
    this.#node.destroy();
    this.#redis.destroy();
  }

  #fromNode(bytes: Buffer): void {
    this.#recognise(bytes);
    if (this.#fault === 'blackholed') this.#hasLostBytes = true;
    else this.#toRedis.push(bytes, this.#proxy.delayMs);
  }

  #fromRedis(bytes: Buffer): void {
    if (this.#fault === 'blackholed' || this.#fault === 'repliesLost') this.#hasLostBytes = true;
    else this.#toNode.push(bytes, this.#proxy.delayMs);
  }

  #recognise(bytes: Buffer): void {
    if (this.link !== undefined) return;
    const command = /\r\n(s?subscribe|evalsha|eval)\r\n/i.exec(bytes.toString('latin1'))?.[1];
    if (command === undefined) return;
    this.link = command.toLowerCase().endsWith('subscribe') ? 'subscriber' : 'commands';
    this.setFault(this.#proxy.faultOf(this.link));
  }
}

/** TCP proxy between one node and Redis that injects network faults into its connections. */
export class FaultProxy {
  /** Latency that is added in each direction. */
  delayMs = 0;
  /** True: new connections are refused. */
  isRefusing = false;
  readonly #server: Server;
  readonly #connections = new Set<ProxiedConnection>();
  readonly #faults: Record<Link, Fault> = { commands: 'none', subscriber: 'none' };

  private constructor(redisPort: number) {
    this.#server = createServer((socket) => {
      socket.on('error', () => undefined);
      if (this.isRefusing) return void socket.resetAndDestroy();
      const connection = new ProxiedConnection(this, socket, redisPort);
      this.#connections.add(connection);
      connection.onClose(() => this.#connections.delete(connection));
      // Until its first command shows its link, a connection has a fault only if both links have the same.
      if (this.#faults.commands === this.#faults.subscriber) connection.setFault(this.#faults.commands);
    });
  }

  static async open(redisPort: number): Promise<FaultProxy> {
    const proxy = new FaultProxy(redisPort);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  faultOf(link: Link): Fault {
    return this.#faults[link];
  }

  /** Sets the fault of present and future connections. */
  setFault(fault: Fault, link?: Link): void {
    for (const each of link === undefined ? (['commands', 'subscriber'] as const) : [link])
      this.#faults[each] = fault;
    for (const connection of this.#of(link)) connection.setFault(fault);
  }

  /** Closes the present connections. */
  cut(link?: Link): void {
    for (const connection of this.#of(link)) connection.cut();
  }

  /** Removes all faults; connections that have lost bytes do not recover. */
  heal(): void {
    this.delayMs = 0;
    this.isRefusing = false;
    this.setFault('none');
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #of(link?: Link): ProxiedConnection[] {
    return [...this.#connections].filter((each) => link === undefined || each.link === link);
  }
}
