import EchoModule from 'laravel-echo';
import PusherModule, { type Channel, type Members, type Options } from 'pusher-js';
import { APP } from '../support/app.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { startApplication, type Application } from './application.ts';
import { EventRecorder } from './event-recorder.ts';
import { sdkFor } from './sdk.ts';

/** At run time the CommonJS module is the class itself; its types declare a `default`. */
export const Pusher = PusherModule as unknown as typeof PusherModule.default;
export type Pusher = InstanceType<typeof Pusher>;
export type Echo<T extends 'reverb' | 'pusher'> = EchoModule<T>;

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Server under test, application with users, and stock clients of both; `close` stops all of them. */
export interface ClientsContext {
  readonly server: TestServer;
  readonly application: Application;
  readonly sdk: ReturnType<typeof sdkFor>;
  /** A pusher-js client; with `user`, one that the application authorizes. */
  pusher(user?: string, options?: Partial<Options>, key?: string): Pusher;
  echo<T extends 'reverb' | 'pusher'>(broadcaster: T, user?: string): Echo<T>;
  /** A channel name that no other test uses. */
  name(kind: string): string;
  /** Barrier: publishes an event and waits until `recorder` receives it; all earlier events are delivered by then. */
  fence(channel: string, recorder: EventRecorder): Promise<void>;
  /** Disconnects every client. */
  clear(): void;
  close(): Promise<void>;
}

/** Address of the server for a browser or Node: the options of Laravel's own echo.js, in the terms of pusher-js. */
export const optionsFor = ({ host, port }: Address): Options => ({
  wsHost: host,
  wsPort: port,
  wssPort: port,
  forceTLS: false,
  enabledTransports: ['ws', 'wss'],
  cluster: '',
});

/** Options of a client of `user`: the endpoints that sign its subscriptions and its sign-in. */
export const authFor = (application: Application, user: string) => {
  const headers = { Authorization: `Bearer ${user}` };
  return {
    channelAuthorization: {
      endpoint: `${application.url}/broadcasting/auth`,
      transport: 'ajax' as const,
      headers,
    },
    userAuthentication: {
      endpoint: `${application.url}/broadcasting/user-auth`,
      transport: 'ajax' as const,
      headers,
    },
  };
};

export async function openClients(
  env: Record<string, string> = {},
  watchlists: Record<string, readonly string[]> = {},
): Promise<ClientsContext> {
  const server = await startServer(env);
  const application = await startApplication(server, watchlists);
  const sdk = sdkFor(server);
  const open = new Set<{ disconnect(): void }>();
  let names = 0;
  const tracked = <T extends { disconnect(): void }>(client: T): T => {
    open.add(client);
    return client;
  };
  const clear = (): void => {
    for (const client of open) client.disconnect();
    open.clear();
  };
  return {
    server,
    application,
    sdk,
    pusher: (user = '1', options = {}, key = APP.key) =>
      tracked(new Pusher(key, { ...optionsFor(server), ...authFor(application, user), ...options })),
    echo: (broadcaster, user = '1') =>
      tracked(newEcho(broadcaster, { ...echoOptions(application, user), ...optionsFor(server), Pusher })),
    name: (kind) => `${kind}-${++names}`,
    fence: async (channel, recorder) => {
      const event = `fence-${++names}`;
      await sdk.trigger(channel, event, {});
      await recorder.next(event);
    },
    clear,
    close: async () => {
      clear();
      await Promise.all([application.close(), server.close()]);
    },
  };
}

/** Options of an Echo client of `user`. */
export const echoOptions = (application: Application, user: string) => ({
  key: APP.key,
  authEndpoint: `${application.url}/broadcasting/auth`,
  // Given here and not as `bearerToken`, which Echo writes into defaults that all its instances share.
  auth: { headers: { Authorization: `Bearer ${user}` } },
  userAuthentication: {
    endpoint: `${application.url}/broadcasting/user-auth`,
    headers: { Authorization: `Bearer ${user}` },
  },
});

export function newEcho<T extends 'reverb' | 'pusher'>(broadcaster: T, options: object): Echo<T> {
  return new EchoModule<T>({ broadcaster, ...options } as unknown as ConstructorParameters<
    typeof EchoModule<T>
  >[0]);
}

/** Waits for the connection state; resolves with the socket id. */
export async function inState(pusher: Pusher, state: string, limitMs = 8_000): Promise<string> {
  const { connection } = pusher;
  if (connection.state !== state) await new EventRecorder(connection).next(state, limitMs);
  return connection.socket_id;
}

/** Subscribes and resolves once the subscription has succeeded; every event since then is recorded. */
export async function subscribeTo(
  pusher: Pusher,
  name: string,
): Promise<{ channel: Channel; recorder: EventRecorder }> {
  const channel = pusher.subscribe(name);
  const recorder = new EventRecorder(channel);
  await recorder.next('pusher:subscription_succeeded');
  return { channel, recorder };
}

/** Members of a presence channel according to the client. */
export const membersOf = (channel: Channel): Members => (channel as unknown as { members: Members }).members;
