import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { Redis } from 'ioredis';
import { MASTER_NAME } from './redis-groups.ts';

const TOPIC = '+switch-master';

/**
 * View that one node has of the Sentinels: a Sentinel that asks a real one and names, in place of each server, the way that
 * this node has to it. So each node can be cut off from each server and from the Sentinels on its own.
 */
export class SentinelView {
  readonly #server: Server;
  readonly #real: Redis;
  readonly #news: Redis;
  readonly #ways: ReadonlyMap<number, number>;
  readonly #open = new Set<Socket>();
  readonly #listening = new WeakSet<Socket>();
  #isCut = false;

  private constructor(sentinel: number, ways: ReadonlyMap<number, number>) {
    this.#ways = ways;
    this.#real = new Redis(sentinel, '127.0.0.1');
    this.#news = new Redis(sentinel, '127.0.0.1');
    for (const client of [this.#real, this.#news]) client.on('error', () => undefined);
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** `ways`: for the port of each server, the port that the node has to take. */
  static async open(sentinel: number, ways: ReadonlyMap<number, number>): Promise<SentinelView> {
    const view = new SentinelView(sentinel, ways);
    await view.#news.subscribe(TOPIC);
    view.#news.on('message', (_, text: string) => {
      for (const socket of view.#open)
        if (view.#listening.has(socket)) socket.write(array(['message', TOPIC, text]));
    });
    view.#server.listen(0, '127.0.0.1');
    await once(view.#server, 'listening');
    return view;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** The node reaches no Sentinel, and learns nothing. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#open) socket.destroy();
  }

  heal(): void {
    this.#isCut = false;
  }

  async close(): Promise<void> {
    this.cut();
    for (const client of [this.#real, this.#news]) client.disconnect();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(socket: Socket): void {
    socket.on('error', () => undefined);
    if (this.#isCut) return void socket.destroy();
    this.#open.add(socket);
    socket.on('close', () => this.#open.delete(socket));
    let line = Promise.resolve();
    // Clients wait for an answer before they say more, or send whole commands at once.
    socket.on('data', (bytes) => {
      for (const words of commandsIn(bytes.toString()))
        line = line.then(async () => void socket.write(await this.#answer(socket, words)));
    });
  }

  async #answer(socket: Socket, [name = '', what = '']: readonly string[]): Promise<string> {
    switch (`${name} ${what}`.toLowerCase()) {
      case 'sentinel get-master-addr-by-name': {
        const found = await this.#real.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER_NAME);
        const port = Number((found as string[])[1]);
        return array(['127.0.0.1', `${this.#ways.get(port) ?? port}`]);
      }
      case 'sentinel sentinels':
        return '*0\r\n';
      case `subscribe ${TOPIC}`:
        this.#listening.add(socket);
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
