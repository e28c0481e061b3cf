import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** The two connections of a node to Redis, told apart by what they say first. */
export type Link = 'commands' | 'subscriber';

/**
 * Faults of a connection:
 * `held`: nothing arrives on either side until it heals, as in a partition: TCP repeats what it could not send.
 * `swallowed`: nothing arrives on either side, ever again, as when the state of a firewall in between is lost.
 * `mute`: what the node says arrives and is done; the answers are lost. The connection breaks when it heals.
 */
export type Fault = 'none' | 'held' | 'swallowed' | 'mute';

/** Bytes of one direction on their way, in their order, each not before its time. */
class Direction {
  readonly #to: Socket;
  #queue: { bytes: Buffer | undefined; dueMs: number }[] = [];
  #timer: NodeJS.Timeout | undefined;
  isHeld = false;

  constructor(to: Socket) {
    this.#to = to;
  }

  push(bytes: Buffer, delayMs: number): void {
    if (delayMs === 0 && this.#queue.length === 0 && !this.isHeld) this.#to.write(bytes);
    else this.#queue.push({ bytes, dueMs: performance.now() + delayMs });
    this.#arm();
  }

  /** Ends the connection after everything that was sent before has arrived. */
  end(delayMs: number): void {
    this.#queue.push({ bytes: undefined, dueMs: performance.now() + delayMs });
    this.#arm();
  }

  release(): void {
    this.isHeld = false;
    this.#arm();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#queue = [];
  }

  #arm(): void {
    const [first] = this.#queue;
    if (first === undefined || this.isHeld || this.#timer !== undefined) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        while (!this.isHeld && (this.#queue[0]?.dueMs ?? Infinity) <= performance.now()) {
          const { bytes } = this.#queue.shift()!;
          if (bytes === undefined) this.#to.destroySoon();
          else this.#to.write(bytes);
        }
        this.#arm();
      },
      Math.max(0, first.dueMs - performance.now()),
    );
  }
}

/** One connection through the proxy. */
class Pair {
  link: Link | undefined;
  readonly #proxy: FaultProxy;
  readonly #node: Socket;
  readonly #redis: Socket;
  readonly #toNode: Direction;
  readonly #toRedis: Direction;
  #fault: Fault = 'none';
  #isSpoilt = false;

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
    for (const [side, other] of [
      [node, this.#toRedis],
      [this.#redis, this.#toNode],
    ] as const) {
      side.on('error', () => undefined);
      // Of a connection that is lost for good, neither end hears what becomes of the other.
      side.on('close', () => (this.#fault === 'swallowed' ? undefined : other.end(proxy.delayMs)));
    }
  }

  onClose(listener: () => void): void {
    this.#node.once('close', listener);
  }

  suffer(fault: Fault): void {
    if (this.#isSpoilt) {
      if (fault === 'none' && this.#fault === 'mute') this.cut();
      return;
    }
    this.#fault = fault;
    for (const direction of [this.#toNode, this.#toRedis]) {
      if (fault === 'held') direction.isHeld = true;
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
    if (this.#fault === 'swallowed') this.#isSpoilt = true;
    else this.#toRedis.push(bytes, this.#proxy.delayMs);
  }

  #fromRedis(bytes: Buffer): void {
    if (this.#fault === 'swallowed' || this.#fault === 'mute') this.#isSpoilt = true;
    else this.#toNode.push(bytes, this.#proxy.delayMs);
  }

  #recognise(bytes: Buffer): void {
    if (this.link !== undefined) return;
    const said = /\r\n(s?subscribe|evalsha|eval)\r\n/i.exec(bytes.toString('latin1'))?.[1];
    if (said === undefined) return;
    this.link = said.toLowerCase().endsWith('subscribe') ? 'subscriber' : 'commands';
    this.suffer(this.#proxy.faultOf(this.link));
  }
}

/** A TCP proxy between one node and Redis, whose connections can be broken in the ways in which networks break. */
export class FaultProxy {
  /** Added to everything, in each direction. */
  delayMs = 0;
  /** New connections are refused. */
  isRefusing = false;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  readonly #faults: Record<Link, Fault> = { commands: 'none', subscriber: 'none' };

  private constructor(redisPort: number) {
    this.#server = createServer((socket) => {
      socket.on('error', () => undefined);
      if (this.isRefusing) return void socket.resetAndDestroy();
      const pair = new Pair(this, socket, redisPort);
      this.#pairs.add(pair);
      pair.onClose(() => this.#pairs.delete(pair));
      // Before it has said what it is, a connection suffers what both suffer.
      if (this.#faults.commands === this.#faults.subscriber) pair.suffer(this.#faults.commands);
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

  /** From now on, for connections that are there and for those to come. */
  suffer(fault: Fault, link?: Link): void {
    for (const each of link === undefined ? (['commands', 'subscriber'] as const) : [link])
      this.#faults[each] = fault;
    for (const pair of this.#of(link)) pair.suffer(fault);
  }

  /** Breaks what is there, once, loudly. */
  cut(link?: Link): void {
    for (const pair of this.#of(link)) pair.cut();
  }

  /** Everything is well again, but for connections that are lost for good. */
  heal(): void {
    this.delayMs = 0;
    this.isRefusing = false;
    this.suffer('none');
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #of(link?: Link): Pair[] {
    return [...this.#pairs].filter((pair) => link === undefined || pair.link === link);
  }
}
