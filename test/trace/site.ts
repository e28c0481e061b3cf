import { onTestFinished } from 'vitest';
import type { Options } from 'pusher-js';
import { LONG_MS, operate, operated, startOperated } from '../cli/operated-server.ts';
import { startApplication } from '../clients/application.ts';
import { sdkFor } from '../clients/sdk.ts';
import { authFor, inState, optionsFor, Pusher } from '../clients/stock-clients.ts';
import { APP, appAt } from '../support/app.ts';
import type { TestServer } from '../support/server.ts';
import { publisher, type Signing } from '../support/wire-http.ts';
import { dataOf, eventually, Wire, type WireOptions } from '../support/wire.ts';

interface Finding {
  readonly cause: string;
  readonly text: string;
}

interface Story {
  readonly parts: readonly { readonly findings: readonly Finding[] }[];
  readonly findings: readonly Finding[];
}

/** A server as a process, an application that signs for its users, and the ways in which others reach both. */
export interface Site {
  readonly server: TestServer;
  /** Pusher's SDK for Node, with the credentials of the app. */
  readonly sdk: ReturnType<typeof sdkFor>;
  /** Signed requests that no SDK sends. */
  readonly raw: ReturnType<typeof publisher>;
  /** A stock client of a page, connected. */
  readonly page: (options?: Partial<Options>, key?: string) => Promise<Pusher>;
  /** The same, subscribed to these channels. */
  readonly pageOn: (...channels: readonly string[]) => Promise<Pusher>;
  /** A client that no library is. */
  readonly wire: (path?: string, options?: WireOptions) => Promise<Wire>;
  /** Publishes with the SDK; returns the words of `wavehall trace` that ask for it. */
  readonly publish: (channel: string, params?: object) => Promise<readonly string[]>;
  /** Publishes by a request that no SDK sends, whatever is answered. */
  readonly publishRaw: (
    body: object,
    signing?: Signing,
    headers?: Record<string, string>,
  ) => Promise<readonly string[]>;
}

/** Starts a site that is closed after the test. */
export async function openSite(env: Readonly<Record<string, string>> = {}): Promise<Site> {
  const server = await startOperated({ ...operated(), ...env });
  const application = await startApplication(server);
  onTestFinished(() => application.close());
  const [sdk, raw] = [sdkFor(server), publisher(appAt(server))];
  const page: Site['page'] = async (options = {}, key = APP.key) => {
    const client = new Pusher(key, { ...optionsFor(server), ...authFor(application, '1'), ...options });
    onTestFinished(() => client.disconnect());
    if (key === APP.key) await inState(client, 'connected', LONG_MS);
    return client;
  };
  return {
    ...{ server, sdk, raw, page },
    pageOn: async (...channels) => {
      const client = await page();
      for (const name of channels) await subscribed(client, name);
      return client;
    },
    wire: (path = `/app/${APP.key}?protocol=7`, options = {}) => openWire(server, path, options),
    publish: async (channel, params = {}) => {
      const answer = await sdk.trigger(channel, 'App\\Events\\OrderShipped', { id: 7 }, params);
      return [answer.headers.get('x-wavehall-event-id') ?? ''];
    },
    publishRaw: async (body, signing = {}, headers = {}) => {
      const answer = await raw.post(
        '/events',
        { name: 'e', channel: 'orders', data: '{}', ...body },
        signing,
        headers,
      );
      const id = answer.headers['x-wavehall-event-id'];
      return typeof id === 'string' ? [id] : ['--last'];
    },
  };
}

async function subscribed(client: Pusher, name: string): Promise<void> {
  const channel = client.subscribe(name);
  await eventually(() => channel.subscribed, `${name} is subscribed`, LONG_MS);
}

async function openWire(server: TestServer, path: string, options: WireOptions): Promise<Wire> {
  const wire = await Wire.open(server, path, options);
  onTestFinished(() => wire.drop());
  const data = dataOf(await wire.first(LONG_MS)) as { readonly socket_id?: string } | undefined;
  wire.socketId = data?.socket_id ?? '';
  return wire;
}

/** Runs `wavehall trace` until it names the cause: what happens after the answer to a publisher takes a moment. */
export async function findingOf(
  server: TestServer,
  words: readonly string[],
  cause: string,
): Promise<string> {
  let found: readonly Finding[] = [];
  await eventually(
    async () => {
      found = await trace(server, words);
      return found.some((each) => each.cause === cause);
    },
    () => `${cause}: ${JSON.stringify(found)}`,
    LONG_MS,
  );
  return found.find((each) => each.cause === cause)?.text ?? '';
}

/** Runs `wavehall trace`, and returns its findings. */
export async function trace(server: TestServer, words: readonly string[]): Promise<readonly Finding[]> {
  const { code, stdout, stderr } = await operate(server, ['trace', ...words, '--json']);
  if (code !== 0) throw new Error(`wavehall trace ${words.join(' ')}: ${stderr}`);
  const { story } = JSON.parse(stdout) as { readonly story: Story };
  return [...story.parts.flatMap(({ findings }) => findings), ...story.findings];
}

/** True when a channel has no subscribers, by the HTTP API. */
export async function isVacant({ sdk }: Site, channel: string): Promise<boolean> {
  const answer = await sdk.get({ path: `/channels/${channel}` });
  return !((await answer.json()) as { readonly occupied: boolean }).occupied;
}
