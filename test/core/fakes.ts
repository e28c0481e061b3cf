import { setImmediate as turn } from 'node:timers/promises';
import { type Credential, signChannel, signUser } from '#protocol';
import { developmentApp } from '../../src/apps/environment-app.ts';
import { StaticApps } from '../../src/apps/static.ts';
import type { AdmissionLimits } from '../../src/core/client/admission.ts';
import { Connection } from '../../src/core/client/connection.ts';
import type { EventRequest } from '../../src/core/channels/publish.ts';
import { SubscriptionCounter } from '../../src/core/channels/subscription-counter.ts';
import type { App, AppLimits } from '../../src/core/app.ts';
import { FanOut } from '../../src/core/channels/fan-out/fan-out.ts';
import { CoreGateway } from '../../src/core/client/gateway.ts';
import { Departures } from '../../src/core/drain/departures.ts';
import { Hub } from '../../src/core/channels/hub.ts';
import { Liveness, type LivenessLimits } from '../../src/core/client/liveness.ts';
import { TokenExpiry } from '../../src/core/client/token-expiry.ts';
import { Outbound, type OutboundLimits } from '../../src/core/client/outbound.ts';
import type { AppProvider, ClientTokens } from '../../src/core/ports/apps.ts';
import type { Stores } from '../../src/core/ports/stores.ts';
import type { Logger, LogTitle } from '../../src/core/ports/logger.ts';
import type { Handshake, Session, Socket, FrameEncoder } from '../../src/core/ports/transport.ts';
import { AppTraffic } from '../../src/core/traffic/app-traffic.ts';
import { Trace } from '../../src/core/trace/trace.ts';
import { Traffic } from '../../src/core/traffic/traffic.ts';
import { Users } from '../../src/core/users.ts';
import { openMemoryStores } from '../../src/stores/memory/index.ts';
import type { StopReason } from '../../src/core/client/reading.ts';
import { Resume } from '../../src/core/resume/resume.ts';
import type { TabSettings } from '../../src/core/resume/tabs.ts';
import { Refusals } from '../../src/core/refusals/refusals.ts';
import { NodeEvents } from '../../src/core/webhooks/node-events.ts';

/** A frame as a client reads it. */
export interface Frame {
  readonly event: string;
  readonly data: unknown;
  readonly channel?: string;
  readonly user_id?: string;
  readonly position?: string;
}

/** An encoder whose bytes can be read back: one line per payload. */
export interface LineEncoder extends FrameEncoder {
  readonly encoded: string[];
  payloads(bytes: Buffer): string[];
}

/** `mark` distinguishes the bytes of one encoder from those of another. `encoded` lists every payload that was encoded. */
export function lineEncoder(mark = ''): LineEncoder {
  const encoded: string[] = [];
  return {
    encoded,
    encode(payload) {
      encoded.push(payload);
      return Buffer.from(`${mark}${payload}\n`);
    },
    payloads: (bytes) =>
      bytes
        .toString()
        .split('\n')
        .slice(0, -1)
        .map((line) => {
          if (!line.startsWith(mark)) throw new Error(`bytes of another encoder: ${line}`);
          return line.slice(mark.length);
        }),
  };
}

export class FakeSocket implements Socket {
  readonly transport = 'websocket';
  readonly encoder: LineEncoder;
  remoteAddress = '192.0.2.1';
  secure = false;
  bufferedBytes = 0;
  flushedBytes = 0;
  /** It has nothing on which its client receives, as a session over HTTP between two requests. */
  isAway = false;
  /** Part of `bufferedBytes`. */
  largestFrameBytes = 0;
  #waiting: (() => void)[] = [];
  readonly writes: Buffer[] = [];
  closed: { readonly code: number; readonly reason: string } | undefined;
  terminated = false;
  pings = 0;
  /** Receipts that were asked for (SPEC 13.3). */
  readonly receipts: number[] = [];
  /** The reasons not to read, as bits. */
  stopReasons = 0;

  constructor(wire: LineEncoder = lineEncoder()) {
    this.encoder = wire;
  }

  get payloads(): string[] {
    return this.writes.flatMap((bytes) => this.encoder.payloads(bytes));
  }

  get ended(): boolean {
    return this.closed !== undefined || this.terminated;
  }

  write(bytes: Buffer): void {
    if (!this.ended) this.writes.push(bytes);
  }

  get bytesBeyondLargestFrame(): number {
    return this.bufferedBytes - this.largestFrameBytes;
  }

  whenFlushed(done: () => void): void {
    this.#waiting.push(done);
  }

  /** The network takes something: so many bytes are left. */
  flushTo(bufferedBytes: number): void {
    this.flushedBytes += this.bufferedBytes - bufferedBytes;
    this.bufferedBytes = bufferedBytes;
    for (const done of this.#waiting.splice(0)) done();
  }

  close(code: number, reason: string): void {
    this.closed ??= { code, reason };
  }

  terminate(): void {
    this.terminated = true;
  }

  ping(receipt?: number): void {
    this.pings += 1;
    if (receipt !== undefined) this.receipts.push(receipt);
  }

  get readingStopped(): boolean {
    return this.stopReasons !== 0;
  }

  stopReading(reason: StopReason): void {
    this.stopReasons |= reason;
  }

  resumeReading(reason: StopReason): void {
    this.stopReasons &= ~reason;
  }
}

/** Remembers everything; `defects` must be empty at the end of a test that provokes none. */
export class FakeLogger implements Logger {
  debugging = true;
  readonly debugs: { readonly title: LogTitle; readonly subject: string; readonly message?: string }[] = [];
  readonly warnings: { readonly message: string; readonly details: unknown }[] = [];
  readonly errors: { readonly message: string; readonly error: unknown }[] = [];

  debug(title: LogTitle, subject: string, message?: string): void {
    this.debugs.push(message === undefined ? { title, subject } : { title, subject, message });
  }

  warn(message: string, details?: unknown): void {
    this.warnings.push({ message, details });
  }

  error(message: string, error: unknown): void {
    this.errors.push({ message, error });
  }
}

export const CREDENTIAL: Credential = { key: 'app-key', secret: 'app-secret' };

/** For connections whose unsent bytes do not matter. */
export const unlimitedOutbound = new Outbound(
  { softBytes: Infinity, hardBytes: Infinity },
  { count: () => undefined },
);

/** A connection of the test's app; `socket` is needed. */
export const testConnection = (
  parts: Partial<ConstructorParameters<typeof Connection>[0]> & { readonly socket: Socket },
): Connection =>
  new Connection(
    {
      app: testApp(),
      socketId: '1.1',
      outbound: unlimitedOutbound,
      traffic: new AppTraffic(),
      ...parts,
    },
    0,
  );

/** The request of events that a test publishes. */
export const REQUEST: EventRequest = { source: 'http', receivedAtMs: 0 };

/** A clock that a test advances. */
export class FakeClock {
  nowMs = 1_800_000_000_000;
  readonly read = (): number => this.nowMs;

  pass(ms: number): void {
    this.nowMs += ms;
  }
}

export type AppChanges = Partial<Omit<App, 'limits'>> & { readonly limits?: Partial<AppLimits> };

/** An app with every default; message floods are unlimited, because tests send faster than users. */
export function testApp({ limits = {}, ...changes }: AppChanges = {}): App {
  const app = developmentApp({}, []);
  return { ...app, ...changes, limits: { ...app.limits, messagesPerSecond: 0, ...limits } };
}

export interface TestCoreOptions {
  readonly apps?: readonly App[];
  readonly provider?: AppProvider;
  /** Puts something between the core and the memory stores. */
  readonly stores?: (memory: Stores) => Stores;
  readonly buffers?: Partial<OutboundLimits>;
  /** SPEC 3.14: of the events of an app. */
  readonly maxWaitingBytes?: number;
  readonly liveness?: Partial<LivenessLimits>;
  readonly admission?: Partial<AdmissionLimits>;
  readonly errorDataAsString?: boolean;
  readonly tabs?: Partial<TabSettings>;
  readonly isHistoryPartial?: boolean;
  readonly tokens?: ClientTokens;
  /** SPEC 16.2: bytes of what is kept of events. */
  readonly traceBytes?: number;
  /** SPEC 2.13: time in which members may come back. */
  readonly returnMs?: number;
}

export interface ConnectOptions extends Partial<Handshake> {
  readonly socket?: FakeSocket;
}

export type TestCore = ReturnType<typeof openCore>;

/** The whole core of one node over memory stores. */
export function openCore(options: TestCoreOptions = {}) {
  const clock = new FakeClock();
  const logger = new FakeLogger();
  const stores = (options.stores ?? ((memory: Stores) => memory))(openMemoryStores());
  const buffers = { softBytes: 1000, hardBytes: 10_000, ...options.buffers };
  const refusalLog = new FakeLogger();
  const trace = new Trace({
    ...{ bytes: options.traceBytes ?? 1_000_000, clock: clock.read },
    ...{ process: 'test0000', label: 'test/1' },
  });
  const refusals = new Refusals(refusalLog, clock.read, undefined, trace);
  const outbound = new Outbound(buffers, refusals);
  const traffic = new Traffic();
  const fanOut = new FanOut({ outbound, latency: traffic.latency, trace });
  const { maxWaitingBytes = 0 } = options;
  const hub = new Hub({ ...stores, fanOut, logger, traffic, trace, maxWaitingBytes });
  const users = new Users({ ...stores, hub, clock: clock.read });
  const subscriptionCounter = new SubscriptionCounter({ ...stores, logger, clock: clock.read });
  const liveness = new Liveness({
    hub,
    clock: clock.read,
    logger,
    outbound,
    refusals,
    limits: { pongTimeoutMs: 30_000, stallMs: 10_000, bufferedTotalBytes: 0, ...options.liveness },
  });
  const refused = (): Readonly<Record<string, number>> =>
    Object.fromEntries(
      [...(refusals.metrics[0]?.values() ?? [])].map(([[reason = ''], total]) => [reason, total]),
    );
  const resume = new Resume({
    ...{ ...stores, hub, outbound, logger, clock: clock.read },
    tabSettings: { keepMs: 120_000, afterCut: 'receipt', bytes: 0, tabsPerAddress: 0, ...options.tabs },
    isHistoryPartial: options.isHistoryPartial ?? false,
  });
  const departures = new Departures({ hub, logger, returnMs: options.returnMs ?? 3000 });
  const { tokens } = options;
  const expiry =
    tokens?.closesExpired === true ? new TokenExpiry({ clock: clock.read, refusals }) : undefined;
  const gateway = new CoreGateway({
    ...stores,
    tokenSignins: tokens && { tokens, expiry },
    departures,
    resume,
    outbound,
    refusals,
    traffic,
    trace,
    apps: options.provider ?? new StaticApps(options.apps ?? [testApp()]),
    hub,
    users,
    subscriptionCounter,
    nodeEvents: new NodeEvents(stores.outbox),
    logger,
    clock: clock.read,
    limits: {
      connections: 0,
      connectionsPerAddress: 0,
      delayedRefusals: 0,
      refusalDelayMs: 0,
      ...options.admission,
    },
    errorDataAsString: options.errorDataAsString ?? false,
  });
  stores.nodeCommands.onTerminate((app, user) => users.terminate(app, user));
  void stores.broker.start((ref, event) => {
    if (!users.handleEvent(ref, event)) hub.deliver(ref, event);
  });
  /** Without waiting for the admission. */
  const open = ({ socket = new FakeSocket(), ...handshake }: ConnectOptions = {}): Client => {
    const session = gateway.opened(socket, {
      appKey: 'app-key',
      protocol: '7',
      origin: undefined,
      ...handshake,
    });
    return new Client(socket, session);
  };
  const connect = async (connectOptions: ConnectOptions = {}): Promise<Client> => {
    const client = open(connectOptions);
    await settled();
    return client;
  };
  return {
    clock,
    logger,
    stores,
    fanOut,
    traffic,
    trace,
    hub,
    users,
    subscriptionCounter,
    liveness,
    gateway,
    tabs: resume.tabs,
    departures,
    expiry,
    refused,
    refusalLog,
    open,
    connect,
  };
}

/** The client's end of a fake socket. */
export class Client {
  readonly socket: FakeSocket;
  readonly session: Session;
  #taken = 0;

  constructor(socket: FakeSocket, session: Session) {
    this.socket = socket;
    this.session = session;
  }

  /** Everything that arrived, in order. */
  get frames(): Frame[] {
    return this.socket.payloads.map((payload) => JSON.parse(payload) as Frame);
  }

  /** Frames that arrived since the last call. */
  take(): Frame[] {
    const frames = this.frames.slice(this.#taken);
    this.#taken += frames.length;
    return frames;
  }

  get socketId(): string {
    const first = this.frames.find(({ event }) => event === 'pusher:connection_established');
    return (dataOf(first) as { socket_id: string }).socket_id;
  }

  send(message: unknown): void {
    this.session.received(Buffer.from(typeof message === 'string' ? message : JSON.stringify(message)));
  }

  subscribe(channel: string, member?: unknown, credential = CREDENTIAL): void {
    const channelData = member === undefined ? undefined : JSON.stringify(member);
    const auth = signChannel(credential, this.socketId, channel, channelData);
    this.send({ event: 'pusher:subscribe', data: { channel, auth, channel_data: channelData } });
  }

  unsubscribe(channel: string): void {
    this.send({ event: 'pusher:unsubscribe', data: { channel } });
  }

  signin(user: unknown, credential = CREDENTIAL): void {
    const userData = JSON.stringify(user);
    const auth = signUser(credential, this.socketId, userData);
    this.send({ event: 'pusher:signin', data: { auth, user_data: userData } });
  }

  sendClientEvent(channel: string, event: string, data?: unknown): void {
    this.send({ event, channel, data });
  }

  /** As the transport reports it. */
  close(code = 1000): void {
    this.session.closed(code);
  }

  /** Received frames in order, as short words: `event` or `event channel`. */
  get eventNames(): string[] {
    return this.frames.map(({ event, channel }) => (channel === undefined ? event : `${event} ${channel}`));
  }
}

/** `data` as the client libraries decode it. */
export const dataOf = (frame: Frame | undefined): unknown =>
  typeof frame?.data === 'string' ? JSON.parse(frame.data) : frame?.data;

/** Everything that needs no more than the event loop has happened; memory stores need nothing else. */
export async function settled(turns = 4): Promise<void> {
  for (let at = 0; at < turns; at += 1) await turn();
}

/** The same thing with other methods in some places. */
export const withOverrides = <T extends object>(target: T, changes: Partial<T>): T =>
  new Proxy(target, {
    get(inner, name) {
      const own: unknown = Reflect.get(Object.hasOwn(changes, name) ? changes : inner, name);
      return typeof own === 'function' ? (own.bind(inner) as unknown) : own;
    },
  });

/** A promise and its handles, for steps that a test holds back. */
export function deferred<T = void>(): {
  promise: Promise<T>;
  release: (value: T) => void;
  fail: (error: Error) => void;
} {
  let release!: (value: T) => void;
  let fail!: (error: Error) => void;
  const promise = new Promise<T>((resolve, reject) => {
    release = resolve;
    fail = reject;
  });
  return { promise, release, fail };
}

/** An event as HTTP would publish it. */
export const eventPayload = (event: string, channel: string, data = '{}'): string =>
  JSON.stringify({ event, data, channel });
