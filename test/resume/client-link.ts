import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Bytes that pass in one direction until the connection is cut; those of the upgrade do not count. */
export interface ByteLimit {
  readonly from: 'server' | 'client';
  readonly bytes: number;
}

const HEADER_END = '\r\n\r\n';

/** One connection of a client to a server. */
class LinkedConnection {
  readonly #client: Socket;
  readonly #server: Socket;
  #limit: ByteLimit | undefined;
  #passed = 0;
  readonly #headers: Record<ByteLimit['from'], string | undefined> = { server: '', client: '' };
  #isCut = false;
  readonly #onCut: (isSeen: boolean) => void;

  constructor(client: Socket, port: number, onCut: (isSeen: boolean) => void) {
    this.#client = client;
    this.#onCut = onCut;
    this.#server = connect(port, '127.0.0.1');
    for (const socket of [client, this.#server]) {
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
    }
    client.on('data', (bytes: Buffer) => this.#pass('client', bytes, this.#server));
    this.#server.on('data', (bytes: Buffer) => this.#pass('server', bytes, client));
    client.on('end', () => this.#server.end());
    this.#server.on('end', () => client.end());
    client.on('close', () => (this.#isCut ? undefined : this.#server.destroySoon()));
    this.#server.on('close', () => (this.#isCut ? undefined : client.destroySoon()));
  }

  /** True once the server has taken the upgrade. */
  get isUpgraded(): boolean {
    return this.#headers.server === undefined;
  }

  get description(): string {
    const limit =
      this.#limit === undefined
        ? ''
        : `, ${this.#passed} of ${this.#limit.bytes} bytes of the ${this.#limit.from}`;
    return `is ${this.isUpgraded ? '' : 'not '}upgraded, ${this.#isCut ? '' : 'not '}cut${limit}`;
  }

  /** Both ends are told. */
  cut(): void {
    this.#endClient(true);
    this.#server.destroy();
  }

  /** The client is told now, the server after this time; until then its bytes are discarded. */
  cutUnseen(forMs: number): void {
    this.#endClient(false);
    this.#server.removeAllListeners('data');
    this.#server.resume();
    setTimeout(() => this.#server.destroy(), forMs).unref();
  }

  /** Cuts after a number of bytes. */
  cutAfter(limit: ByteLimit): void {
    this.#limit = limit;
    this.#passed = 0;
  }

  destroy(): void {
    this.#client.destroy();
    this.#server.destroy();
  }

  #endClient(isSeen: boolean): void {
    this.#isCut = true;
    this.#client.destroy();
    this.#onCut(isSeen);
  }

  #pass(from: 'server' | 'client', bytes: Buffer, to: Socket): void {
    if (this.#isCut) return;
    const limit = this.#limit?.from === from ? this.#limit : undefined;
    const counted = this.#withoutHeader(from, bytes);
    if (limit === undefined || this.#passed + counted <= limit.bytes) {
      if (limit !== undefined) this.#passed += counted;
      to.write(bytes);
      return;
    }
    this.#isCut = true;
    to.write(bytes.subarray(0, bytes.length - counted + limit.bytes - this.#passed), () => this.cut());
  }

  /** Number of these bytes that are behind the header of the upgrade. */
  #withoutHeader(from: ByteLimit['from'], bytes: Buffer): number {
    const before = this.#headers[from];
    if (before === undefined) return bytes.length;
    const header = before + bytes.toString('latin1');
    const end = header.indexOf(HEADER_END);
    this.#headers[from] = end < 0 ? header : undefined;
    return end < 0 ? 0 : header.length - end - HEADER_END.length;
  }
}

/** The network between one client and the servers: a TCP proxy that cuts connections, and holds new ones for some time. */
export class ClientLink {
  /** Time for which the next connection is held before it reaches a server. */
  awayMs = 0;
  /** Limit of the next connection. */
  nextLimit: ByteLimit | undefined;
  /** Number of times that a connection was cut. */
  cuts = 0;
  /** Called when the connection of the client is cut; pusher-js reports it up to a second later. */
  onCut: (isSeen: boolean) => void = () => undefined;
  readonly #server: Server;
  readonly #pickPort: () => number;
  readonly #clients = new Set<Socket>();
  readonly #connections = new Set<LinkedConnection>();

  private constructor(pickPort: () => number) {
    this.#pickPort = pickPort;
    this.#server = createServer((client) => this.#accept(client));
  }

  static async open(pickPort: () => number): Promise<ClientLink> {
    const link = new ClientLink(pickPort);
    link.#server.listen(0, '127.0.0.1');
    await once(link.#server, 'listening');
    return link;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections that the server has taken: pusher-js tries one that ends before that again after 15 s. One that it gave up may be among them. */
  get connections(): readonly Pick<LinkedConnection, 'cut' | 'cutUnseen' | 'cutAfter'>[] {
    return [...this.#connections].filter(({ isUpgraded }) => isUpgraded);
  }

  /** State of its connections, for errors. */
  get description(): string {
    return `${this.#clients.size} sockets of the client, connections: ${[...this.#connections].map((each) => each.description).join('; ')}`;
  }

  async close(): Promise<void> {
    this.#server.close();
    for (const each of [...this.#connections, ...this.#clients]) each.destroy();
    await once(this.#server, 'close');
  }

  #accept(client: Socket): void {
    client.on('error', () => undefined);
    this.#clients.add(client);
    client.once('close', () => this.#clients.delete(client));
    client.pause();
    const { awayMs } = this;
    this.awayMs = 0;
    setTimeout(() => this.#connect(client), awayMs);
  }

  #connect(client: Socket): void {
    if (client.destroyed || !this.#server.listening) return void client.destroy();
    const connection = new LinkedConnection(client, this.#pickPort(), (isSeen) => {
      this.cuts += 1;
      this.onCut(isSeen);
    });
    this.#connections.add(connection);
    client.once('close', () => this.#connections.delete(connection));
    if (this.nextLimit !== undefined) connection.cutAfter(this.nextLimit);
    this.nextLimit = undefined;
    client.resume();
  }
}
