import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { APP, APP_ENV } from '../conformance/settings.ts';
import { CaseTools } from '../conformance/case-tools.ts';
import { startServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { eventually } from '../support/wire.ts';

export interface AttackedServer {
  /** Fresh case tools for each test; their clients are closed afterwards. */
  readonly site: CaseTools;
  readonly server: TestServer;
}

/** Checks that the server answers and that the attack left no channel and no connection. */
export const unharmed = async (site: CaseTools, limitMs = 5_000): Promise<void> => {
  const up = await site.request({ method: 'GET', path: '/up' });
  expect([up.status, up.text]).toEqual([200, '{"health":"OK"}']);
  const left = async () => (await site.get('/channels')).text + (await site.get('/connections')).text;
  let last = '';
  await eventually(
    async () => (last = await left()) === '{"channels":{}}{"connections":0}',
    () => `nothing is left, but ${last}`,
    limitMs,
  );
};

interface ArenaOptions {
  readonly args?: readonly string[];
  /** False: the API cannot be used, because the app refuses every request. */
  readonly asks?: boolean;
}

/** A server for all tests of a file or group. After each test it must be unharmed. */
export const attackedServer = (
  env: Record<string, string> = {},
  { args = [], asks = true }: ArenaOptions = {},
): AttackedServer => {
  const held: { site?: CaseTools; server?: TestServer; hasEnded?: boolean } = {};
  beforeAll(async () => {
    held.server = await startServer({ ...APP_ENV, ...env }, args);
    void held.server.exited.then(() => (held.hasEnded = true));
  });
  beforeEach(() => {
    const { host, port } = held.server!;
    held.site = new CaseTools({ ...APP, host, port, prefix: '' });
  });
  afterEach(async () => {
    await held.site!.cleanUp();
    if (asks) await unharmed(held.site!);
    expect(held.hasEnded, held.server!.output()).toBeUndefined();
  });
  afterAll(() => held.server?.close());
  return {
    get site() {
      return held.site!;
    },
    get server() {
      return held.server!;
    },
  };
};

export const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Calls `act` `count` times, one after another. */
export const times = async (count: number, act: (index: number) => unknown): Promise<void> => {
  for (let index = 0; index < count; index += 1) await act(index);
};
