import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { Redis } from 'ioredis';
import { MASTER_NAME } from './redis-groups.ts';

const TOPIC = '+switch-master';

/**
 * Sentinel for one node: forwards queries to a real Sentinel and replaces the port of each server with the port of this
 * node's proxy to it. A test can thus disconnect a single node from a server or from the Sentinels.
 */
export class SentinelView {
  readonly #server: Server;
  readonly #commands: Redis;
  readonly #subscriber: Redis;
  readonly #proxyPorts: ReadonlyMap<number, number>;
  readonly #open = new Set<Socket>();
  readonly #subscribed = new WeakSet<Socket>();
  #isCut = false;
  #subscribes = 0;
  /** True: SUBSCRIBE is not answered any more. */
  isMute = false;

  private constructor(sentinel: number, proxyPorts: ReadonlyMap<number, number>) {
    this.#proxyPorts = proxyPorts;
    this.#commands = new Redis(sentinel, '127.0.0.1');
    this.#subscriber = new Redis(sentinel, '127.0.0.1');
    for (const client of [this.#commands, this.#subscriber]) client.on('error', () => undefined);
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** `proxyPorts`: port of the node's proxy by port of the server. */
  static async open(sentinel: number, proxyPorts: ReadonlyMap<number, number>): Promise<SentinelView> {
    const view = new SentinelView(sentinel, proxyPorts);
    await view.#subscriber.subscribe(TOPIC);
    view.#subscriber.on('message', (_, text: string) => {
      for (const socket of view.#open)
        if (view.#subscribed.has(socket)) socket.write(array(['message', TOPIC, text]));
    });
    view.#server.listen(0, '127.0.0.1');
    await once(view.#server, 'listening');
    return view;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** Times that the node has subscribed to notices of failovers. */
  get subscribes(): number {
    return this.#subscribes;
  }

  /** Disconnects the node from the Sentinels until `heal`. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#open) socket.destroy();
  }

  heal(): void {
    this.#isCut = false;
  }

  async close(): Promise<void> {
    this.cut();
    for (const client of [this.#commands, this.#subscriber]) client.disconnect();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(socket: Socket): void {
    socket.on('error', () => undefined);
    if (this.#isCut) return void socket.destroy();
    this.#open.add(socket);
    socket.on('close', () => this.#open.delete(socket));
    let replies = Promise.resolve();
    // A chunk contains whole commands: clients wait for a reply before they send more, or send whole commands at once.
    socket.on('data', (bytes) => {
      for (const words of commandsIn(bytes.toString()))
        replies = replies.then(async () => void socket.write(await this.#reply(socket, words)));
    });
  }

  async #reply(socket: Socket, [name = '', what = '']: readonly string[]): Promise<string> {
    switch (`${name} ${what}`.toLowerCase()) {
      case 'sentinel get-master-addr-by-name': {
        const found = await this.#commands.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER_NAME);
        const port = Number((found as string[])[1]);
        return array(['127.0.0.1', `${this.#proxyPorts.get(port) ?? port}`]);
      }
      case 'sentinel sentinels':
        return '*0\r\n';
      case `subscribe ${TOPIC}`:
        this.#subscribed.add(socket);
        this.#subscribes += 1;
        if (this.isMute) return '';
        return `*3\r\n${bulk('subscribe')}${bulk(TOPIC)}:1\r\n`;
      default:
        return name.toLowerCase() === 'hello' ? "-ERR unknown command 'HELLO'\r\n" : '+OK\r\n';
    }
  }
}

function* commandsIn(text: string): Generator<string[]> {
  for (const [, rest = ''] of text.matchAll(/\*\d+\r\n((?:\$\d+\r\n[^\r]*\r\n)+)/g))
    yield [...rest.matchAll(/\$\d+\r\n([^\r]*)\r\n/g)].map(([, word = '']) => word);
}

const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
const array = (texts: readonly string[]): string => `*${texts.length}\r\n${texts.map(bulk).join('')}`;
