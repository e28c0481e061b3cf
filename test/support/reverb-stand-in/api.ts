import { createHmac } from 'node:crypto';
import { md5Hex } from '../wire-http.ts';
import type { StandInChannel, StandInChannels } from './channels.ts';
import { isArray, listified, parseQuery, phpObject } from './php.ts';
import type { Settings, StandInApp } from './settings.ts';
import { invalidBatch, invalidEvent } from './validation.ts';

/** A request as it came over its own connection. */
export interface Request {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** JSON, or a sentence. */
export type Reply =
  | { readonly status: number; readonly json: string }
  | { readonly status: number; readonly text: string; readonly allow?: string };

export class HttpRefusal extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const json = (value: object, status = 200): Reply => ({ status, json: phpObject(value) });

const isNumeric = (text: string): boolean => /^\s*[+-]?\d+(\.\d+)?\s*$/.test(text);

/** PHP compares texts that look like numbers as numbers. */
const isSameId = (left: string, right: string): boolean =>
  left === right || (isNumeric(left) && isNumeric(right) && Number(left) === Number(right));

interface Call {
  readonly request: Request;
  readonly query: ReadonlyMap<string, string | string[]>;
  readonly app: StandInApp;
  readonly channels: StandInChannels;
}

type Handler = (call: Call, name: string) => Reply;

/** Name, method, path after `/apps/{id}`, and who answers. */
const ROUTES: readonly (readonly [method: string, path: RegExp, handler: Handler])[] = [
  ['POST', /^\/events$/, (call) => events(call)],
  ['POST', /^\/batch_events$/, (call) => batch(call)],
  ['GET', /^\/connections$/, ({ channels }) => json({ connections: channels.connections().size })],
  ['GET', /^\/channels$/, (call) => list(call)],
  ['GET', /^\/channels\/([^/]+)$/, (call, name) => describe(call, name)],
  ['GET', /^\/channels\/([^/]+)\/users$/, ({ channels }, name) => usersOf(channels.find(name))],
  ['POST', /^\/users\/([^/]+)\/terminate_connections$/, ({ channels }, user) => terminate(channels, user)],
];

const isFor = (method: string, asked: string): boolean =>
  method === asked || (method === 'GET' && asked === 'HEAD');

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

  knows(method: string, path: string): boolean {
    return path === '/up' || ROUTES.some((route) => isFor(route[0], method) && route[1].test(restOf(path)));
  }

  /** `path` is decoded and has no prefix; undefined when there is no such route. */
  answer(request: Request, path: string): Reply | undefined {
    if (path === '/up') return isFor('GET', request.method) ? json({ health: 'OK' }) : notAllowed(['GET']);
    const [rest, id] = [restOf(path), /^\/apps\/([^/]+)/.exec(path)?.[1] ?? ''];
    const routes = ROUTES.filter(([, pattern]) => pattern.test(rest));
    const route = routes.find(([method]) => isFor(method, request.method));
    if (route === undefined) {
      if (routes.length === 0) return undefined;
      return notAllowed(routes.map(([method]) => method));
    }
    const app = this.#settings.apps.find((each) => isSameId(each.id, id));
    if (app === undefined) throw new HttpRefusal(404, `No matching application for ID [${id}].`);
    const query = parseQuery(request.query);
    this.#verify(request, query, app);
    const name = route[1].exec(rest)?.[1] ?? '';
    return route[2]({ request, query, app, channels: this.#channelsOf(app) }, name);
  }

  /** No timestamp, no key and no version are looked at. */
  #verify(request: Request, query: Call['query'], { secret }: StandInApp): void {
    const left = new Set(['auth_signature', 'body_md5', 'appId', 'appKey', 'channelName']);
    const parameters = new Map([...query].filter(([name]) => !left.has(name)));
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
      throw new HttpRefusal(401, 'Authentication signature invalid.');
  }
}

// --- what is known of channels -------------------------------------------------------------------

/** Attributes of a channel: one that does not apply is left out, and an empty channel has only `occupied`. */
const infoOf = (channel: StandInChannel | undefined, info: string): Record<string, unknown> => {
  const asked = info.split(',');
  const all: Record<string, unknown> = channel
    ? {
        occupied: channel.size > 0,
        user_count: channel.isPresence ? channel.users().length : undefined,
        subscription_count: channel.isPresence ? undefined : channel.size,
        cache: channel.cached,
      }
    : { occupied: false };
  return Object.fromEntries(
    Object.entries(all).filter(([name, value]) => asked.includes(name) && value !== undefined),
  );
};

const asObjects = (infos: Map<string, Record<string, unknown>>): unknown =>
  infos.size === 0 ? [] : Object.fromEntries([...infos].map(([name, info]) => [name, objectIn(info)]));

/** Objects that PHP keeps as such, inside a value that is encoded as a whole. */
const objectIn = (value: object): object =>
  Object.fromEntries(Object.entries(value).map(([name, each]) => [name, listified(each)]));

const plain = (value: object): Reply => ({ status: 200, json: JSON.stringify(value).replaceAll('/', '\\/') });

const textIn = (query: Call['query'], name: string): string => {
  const value = query.get(name);
  if (Array.isArray(value)) throw new TypeError('a list where a text is wanted');
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
  return json({ users: channel.users().map((card) => ({ id: card.user_id })) });
};

/** A socket whose first channel knows no user_id ends the whole request. */
const terminate = (channels: StandInChannels, user: string): Reply => {
  for (const [peer, card] of channels.connections()) {
    if (!('user_id' in card)) throw new Error('Undefined array key "user_id"');
    if (String(card.user_id) === user) peer.end();
  }
  return json({});
};

// --- publishing ----------------------------------------------------------------------------------

const decode = (body: string): Record<string, unknown> => {
  const payload: unknown = JSON.parse(body);
  if (!isArray(payload)) throw new TypeError('no object');
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

/** An item that names a socket which is on a channel breaks off the batch; what came before it has been sent. */
const batch = ({ request, channels }: Call): Reply => {
  const payload = decode(request.body);
  const invalid = invalidBatch(payload);
  if (invalid) return json(invalid, 422);
  const items = Object.values(payload.batch as Record<string, Item>);
  const infos = items.map(({ name, data, channel, socket_id: except, info }) => {
    if (socketOf(channels, except)) throw new TypeError('no Connection');
    channels.publish([channel], { event: name, channel, data });
    return info === undefined ? undefined : infoOf(channels.find(channel), info);
  });
  if (infos.every((info) => info === undefined)) return plain({ batch: {} });
  return plain({ batch: infos.map((info) => objectIn(info ?? {})) });
};
