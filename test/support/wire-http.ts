import { createHash, createHmac } from 'node:crypto';
import { Agent, request } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import type { Address } from './wire.ts';

/** One app of a server under test: its address and credentials. */
export interface Endpoint extends Address {
  readonly id: string;
  readonly key: string;
  readonly secret: string;
  readonly prefix: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The decoded body; undefined if it is not JSON. */
  readonly json: unknown;
}

export type Pairs = readonly (readonly [string, string])[];

/** Deviations of a signed request; every field defaults to what an SDK sends. */
export interface Signing {
  readonly key?: string;
  readonly secret?: string;
  readonly timestampS?: number | string;
  readonly version?: string;
  /** Path in the signature, if it differs from the path that is sent. */
  readonly signPath?: string;
  /** Body in the signature, if it differs from the body that is sent. */
  readonly signBody?: string;
  /** Parameters left out of both signature and query. */
  readonly without?: readonly string[];
  /** Changes the finished signature. */
  readonly alter?: (signature: string) => string;
  /** Sends values unencoded, like the Node SDK. */
  readonly rawQuery?: boolean;
  /** Pairs added to the query after signing. */
  readonly unsigned?: Pairs;
}

export const hmacHex = (secret: string, text: string): string =>
  createHmac('sha256', secret).update(text, 'utf8').digest('hex');

export const md5Hex = (text: string | Buffer): string => createHash('md5').update(text).digest('hex');

/** `auth` for a private or presence channel: `{key}:{hex}`. */
export const channelAuth = (
  app: Pick<Endpoint, 'key' | 'secret'>,
  socketId: string,
  channel: string,
  data?: string,
) =>
  `${app.key}:${hmacHex(app.secret, [socketId, channel, ...(data === undefined ? [] : [data])].join(':'))}`;

/** `auth` for a sign-in. */
export const userAuth = (app: Pick<Endpoint, 'key' | 'secret'>, socketId: string, userData: string): string =>
  `${app.key}:${hmacHex(app.secret, `${socketId}::user::${userData}`)}`;

const byKey = (left: readonly [string, string], right: readonly [string, string]) =>
  Buffer.compare(Buffer.from(left[0]), Buffer.from(right[0]));

/** The canonical text of a request: method, path and all query pairs sorted by lower-cased key, values unencoded. */
export const canonical = (method: string, path: string, query: Pairs): string =>
  [
    method.toUpperCase(),
    path,
    query
      .map(([key, value]) => [key.toLowerCase(), value] as const)
      .sort(byKey)
      .map(([key, value]) => `${key}=${value}`)
      .join('&'),
  ].join('\n');

const encode = (query: Pairs, raw: boolean) =>
  query
    .map(([key, value]) =>
      raw ? `${key}=${value}` : `${encodeURIComponent(key)}=${encodeURIComponent(value)}`,
    )
    .join('&');

/** The parameters that authenticate a request, without the signature. */
const authPairs = (app: Endpoint, body: string, { key, timestampS, version }: Signing): Pairs => [
  ['auth_key', key ?? app.key],
  ['auth_timestamp', String(timestampS ?? Math.floor(Date.now() / 1000))],
  ['auth_version', version ?? '1.0'],
  ...(body === '' ? [] : [['body_md5', md5Hex(body)] as const]),
];

/** Signs a request and returns the path and query to send. */
export const signedPath = (
  app: Endpoint,
  method: string,
  path: string,
  query: Pairs = [],
  body = '',
  signing: Signing = {},
): string => {
  const isKept = ([name]: readonly [string, string]) => !signing.without?.includes(name);
  const pairs = [...query, ...authPairs(app, signing.signBody ?? body, signing)].filter(isKept);
  const hex = hmacHex(signing.secret ?? app.secret, canonical(method, signing.signPath ?? path, pairs));
  const signature = [['auth_signature', signing.alter?.(hex) ?? hex] as const].filter(isKept);
  const all = [...pairs, ...signature, ...(signing.unsigned ?? [])];
  return `${path}?${encode(all, signing.rawQuery ?? false)}`;
};

const decode = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
};

export interface RawRequest {
  readonly method: string;
  readonly path: string;
  readonly body?: string | Buffer;
  readonly headers?: Record<string, string>;
  readonly agent?: Agent;
  readonly limitMs?: number;
}

/** Sends one request on its own connection (unless an agent is given) and reads the whole answer. */
export const http = (address: Address, options: RawRequest): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const body = options.body === undefined ? undefined : Buffer.from(options.body as string);
    const outgoing = request(
      {
        host: address.host,
        port: address.port,
        method: options.method,
        path: options.path,
        headers: { ...(body && { 'Content-Length': String(body.length) }), ...options.headers },
        agent: options.agent ?? new Agent({ keepAlive: false }),
        timeout: options.limitMs ?? 10_000,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: decode(text) });
        });
      },
    );
    outgoing.on('timeout', () =>
      outgoing.destroy(new Error(`no answer to ${options.method} ${options.path}`)),
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });

/** Signs and sends HTTP API requests for one app, independently of the server's code. */
export const publisher = (app: Endpoint) => {
  const send = (
    method: string,
    path: string,
    query: Pairs,
    body: string | undefined,
    signing: Signing = {},
    headers = {},
  ) =>
    http(app, {
      method,
      path: app.prefix + signedPath(app, method, path, query, body ?? '', signing),
      ...(body !== undefined && { body }),
      headers: { ...(body !== undefined && { 'Content-Type': 'application/json' }), ...headers },
    });
  return {
    /** GET under `/apps/{id}`. */
    get: (path: string, query: Pairs = [], signing?: Signing) =>
      send('GET', `/apps/${app.id}${path}`, query, undefined, signing),
    /** POST under `/apps/{id}`; sends a string unchanged, any other value as JSON. */
    post: (path: string, body: unknown, signing?: Signing, headers?: Record<string, string>) =>
      send(
        'POST',
        `/apps/${app.id}${path}`,
        [],
        typeof body === 'string' ? body : JSON.stringify(body),
        signing,
        headers,
      ),
    send,
  };
};
