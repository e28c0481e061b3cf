import { createHmac } from 'node:crypto';
import { md5Hex } from '../wire-http.ts';
import type { StandInChannel, StandInChannels } from './channels.ts';
import { isArray, listified, parseQuery, phpObject } from './php.ts';
import type { Settings, StandInApp } from './settings.ts';
import { invalidBatch, invalidEvent } from './validation.ts';

/** Parsed request; each has its own connection. */
export interface Request {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Answer with a JSON body, or with a plain text one. */
export type Reply =
  | { readonly status: number; readonly json: string }
  | { readonly status: number; readonly text: string; readonly allow?: string };

export class HttpError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const json = (value: object, status = 200): Reply => ({ status, json: phpObject(value) });

const isNumeric = (text: string): boolean => /^\s*[+-]?\d+(\.\d+)?\s*$/.test(text);

/** Compares like PHP: strings that look like numbers are compared as numbers. */
const isSameId = (left: string, right: string): boolean =>
  left === right || (isNumeric(left) && isNumeric(right) && Number(left) === Number(right));

interface Call {
  readonly request: Request;
  readonly query: ReadonlyMap<string, string | string[]>;
  readonly app: StandInApp;
  readonly channels: StandInChannels;
}

type Handler = (call: Call, name: string) => Reply;

/** Method, path after `/apps/{id}`, and handler. */
const ROUTES: readonly (readonly [method: string, path: RegExp, handler: Handler])[] = [
  ['POST', /^\/events$/, (call) => events(call)],
  ['POST', /^\/batch_events$/, (call) => batch(call)],
  ['GET', /^\/connections$/, ({ channels }) => json({ connections: channels.connections().size })],
  ['GET', /^\/channels$/, (call) => list(call)],
  ['GET', /^\/channels\/([^/]+)$/, (call, name) => describe(call, name)],
  ['GET', /^\/channels\/([^/]+)\/users$/, ({ channels }, name) => usersOf(channels.find(name))],
  ['POST', /^\/users\/([^/]+)\/terminate_connections$/, ({ channels }, user) => terminate(channels, user)],
];

const matches = (method: string, requested: string): boolean =>
  method === requested || (method === 'GET' && requested === 'HEAD');

const notAllowed = (methods: readonly string[]): Reply => ({
  ...{ status: 405, text: 'Method not allowed.' },
  allow: methods.join(', '),
});

/** Path after the id of the app. */
const restOf = (path: string): string => /^\/apps\/[^/]+(\/.+)$/.exec(path)?.[1] ?? '';

/** The HTTP API of all apps. */
export class StandInApi {
  readonly #settings: Settings;
  readonly #channelsOf: (app: StandInApp) => StandInChannels;

  constructor(settings: Settings, channelsOf: (app: StandInApp) => StandInChannels) {
    this.#settings = settings;
    this.#channelsOf = channelsOf;
  }

  hasRoute(method: string, path: string): boolean {
    return path === '/up' || ROUTES.some((route) => matches(route[0], method) && route[1].test(restOf(path)));
  }

  /** `path` is decoded and without the prefix; returns undefined if no route matches. */
  answer(request: Request, path: string): Reply | undefined {
    if (path === '/up') return matches('GET', request.method) ? json({ health: 'OK' }) : notAllowed(['GET']);
    const [rest, id] = [restOf(path), /^\/apps\/([^/]+)/.exec(path)?.[1] ?? ''];
    const routes = ROUTES.filter(([, pattern]) => pattern.test(rest));
    const route = routes.find(([method]) => matches(method, request.method));
    if (route === undefined) {
      if (routes.length === 0) return undefined;
      return notAllowed(routes.map(([method]) => method));
    }
    const app = this.#settings.apps.find((each) => isSameId(each.id, id));
    if (app === undefined) throw new HttpError(404, `No matching application for ID [${id}].`);
    const query = parseQuery(request.query);
    this.#verify(request, query, app);
    const name = route[1].exec(rest)?.[1] ?? '';
    return route[2]({ request, query, app, channels: this.#channelsOf(app) }, name);
  }

  /** Checks the signature only: Reverb ignores the timestamp, the key and the version. */
  #verify(request: Request, query: Call['query'], { secret }: StandInApp): void {
    const unsigned = new Set(['auth_signature', 'body_md5', 'appId', 'appKey', 'channelName']);
    const parameters = new Map([...query].filter(([name]) => !unsigned.has(name)));
    if (request.body !== '') parameters.set('body_md5', md5Hex(request.body));
    const text = [...parameters]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => `${name}=${Array.isArray(value) ? value.join(',') : value}`)
      .join('&');
    const prefix = this.#settings.path;
    const path =
      prefix !== '' && request.path.startsWith(prefix) ? request.path.slice(prefix.length) : request.path;
    const signature = createHmac('sha256', secret)
      .update(`${request.method}\n${path}\n${text}`)
      .digest('hex');
    if (query.get('auth_signature') !== signature)
      throw new HttpError(401, 'Authentication signature invalid.');
  }
}

// --- channels -------------------------------------------------------------------

/** Requested attributes of a channel. One that does not apply is left out; an unknown channel has only `occupied`. */
const infoOf = (channel: StandInChannel | undefined, info: string): Record<string, unknown> => {
  const requested = info.split(',');
  const all: Record<string, unknown> = channel
    ? {
        occupied: channel.size > 0,
        user_count: channel.isPresence ? channel.users().length : undefined,
        subscription_count: channel.isPresence ? undefined : channel.size,
        cache: channel.cached,
      }
    : { occupied: false };
  return Object.fromEntries(
    Object.entries(all).filter(([name, value]) => requested.includes(name) && value !== undefined),
  );
};

const asObjects = (infos: Map<string, Record<string, unknown>>): unknown =>
  infos.size === 0 ? [] : Object.fromEntries([...infos].map(([name, info]) => [name, objectIn(info)]));

/** Keeps the outermost object an object, as PHP does; objects inside may become lists. */
const objectIn = (value: object): object =>
  Object.fromEntries(Object.entries(value).map(([name, each]) => [name, listified(each)]));

const plain = (value: object): Reply => ({ status: 200, json: JSON.stringify(value).replaceAll('/', '\\/') });

const textIn = (query: Call['query'], name: string): string => {
  const value = query.get(name);
  if (Array.isArray(value)) throw new TypeError('a list instead of a string');
  return value ?? '';
};

const list = ({ channels, query }: Call): Reply => {
  const [filter, info] = [textIn(query, 'filter_by_prefix'), textIn(query, 'info')];
  const found = channels.all.filter(({ name, size }) => size > 0 && name.startsWith(filter));
  return plain({ channels: asObjects(new Map(found.map((each) => [each.name, infoOf(each, info)]))) });
};

const describe = ({ channels, query }: Call, name: string): Reply =>
  json(infoOf(channels.find(name), `${textIn(query, 'info')},occupied`));

const usersOf = (channel: StandInChannel | undefined): Reply => {
  if (channel === undefined) return json({}, 404);
  if (!channel.isPresence) return json({}, 400);
  return json({ users: channel.users().map((member) => ({ id: member.user_id })) });
};

/** Terminates a user's connections. Like Reverb, fails at the first socket without a user_id on its first channel. */
const terminate = (channels: StandInChannels, user: string): Reply => {
  for (const [peer, member] of channels.connections()) {
    if (!('user_id' in member)) throw new Error('Undefined array key "user_id"');
    if (String(member.user_id) === user) peer.end();
  }
  return json({});
};

// --- publishing ----------------------------------------------------------------------------------

const decode = (body: string): Record<string, unknown> => {
  const payload: unknown = JSON.parse(body);
  if (!isArray(payload)) throw new TypeError('not an object');
  return payload;
};

const socketOf = (channels: StandInChannels, id: unknown) =>
  [...channels.connections().keys()].find((peer) => peer.id === id);

const events = ({ request, channels }: Call): Reply => {
  const payload = decode(request.body);
  const invalid = invalidEvent(payload);
  if (invalid) return json(invalid, 422);
  const named = payload.channels ?? payload.channel;
  const names: unknown[] = isArray(named) ? Object.values(named) : [named];
  const { name, data, info } = payload;
  channels.publish(names, { event: name, data }, socketOf(channels, payload.socket_id));
  if (info === undefined) return json({});
  const infos = names.map(
    (each) => [String(each), infoOf(channels.find(String(each)), info as string)] as const,
  );
  return plain({ channels: asObjects(new Map(infos)) });
};

interface Item {
  readonly name: string;
  readonly data: string;
  readonly channel: string;
  readonly socket_id?: string;
  readonly info?: string;
}

/** Like Reverb, fails at the first item with the socket_id of a connected socket; the items before it are sent. */
const batch = ({ request, channels }: Call): Reply => {
  const payload = decode(request.body);
  const invalid = invalidBatch(payload);
  if (invalid) return json(invalid, 422);
  const items = Object.values(payload.batch as Record<string, Item>);
  const infos = items.map(({ name, data, channel, socket_id: except, info }) => {
    if (socketOf(channels, except)) throw new TypeError('not a Connection');
    channels.publish([channel], { event: name, channel, data });
    return info === undefined ? undefined : infoOf(channels.find(channel), info);
  });
  if (infos.every((info) => info === undefined)) return plain({ batch: {} });
  return plain({ batch: infos.map((info) => objectIn(info ?? {})) });
};
