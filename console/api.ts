/** Path of the admin API as the browser sees it: a proxy may put a prefix in front. */
export const ADMIN = location.pathname.replace(/\/console\/?.*$/, '');

/** Time that a question has. Actions have no limit: some of them take minutes. */
const READ_MS = 10_000;

export type Mode = 'on' | 'read';

/** An answer that is not 200; `status` 0: none came. */
export class Failure extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

async function ask(method: string, path: string, body?: object, signal?: AbortSignal): Promise<unknown> {
  const headers = { 'x-wavehall-console': ADMIN, ...(body && { 'content-type': 'application/json' }) };
  const answer = await fetch(ADMIN + path, {
    ...{ method, headers, credentials: 'same-origin', cache: 'no-store' },
    ...(body && { body: JSON.stringify(body) }),
    ...(signal && { signal }),
  }).catch(() => {
    throw new Failure(0, 'The server does not answer.');
  });
  if (answer.status === 204) return undefined;
  const json: unknown = await answer.json().catch(() => undefined);
  if (answer.ok && json === undefined) throw new Failure(0, 'The answer of the server was cut off.');
  if (answer.ok) return json;
  const { error } = (json ?? {}) as { error?: unknown };
  throw new Failure(
    answer.status,
    typeof error === 'string' ? error : `The server answered ${answer.status}.`,
  );
}

export const read = (path: string): Promise<unknown> =>
  ask('GET', path, undefined, AbortSignal.timeout(READ_MS));

/** Sends an action; in read-only mode each is refused. */
export const act = (path: string, body: object = {}): Promise<unknown> => ask('POST', path, body);

export const session = async (): Promise<Mode> => ((await read('/console/session')) as { mode: Mode }).mode;

export const logIn = async (token: string): Promise<Mode> =>
  ((await ask('POST', '/console/session', { token })) as { mode: Mode }).mode;

export const logOut = (): Promise<unknown> => ask('DELETE', '/console/session');

type Query = Readonly<Record<string, string | number | undefined>>;

/** Path of a question to the admin API; what is empty is left out. */
export function pathOf(path: string, query: Query): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined || value === '' || value === 0 ? [] : [[name, String(value)]],
  );
  return `${path}?${new URLSearchParams(given)}`;
}
