import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { APP, APP_ENV } from '../conformance/settings.ts';
import { CaseTools } from '../conformance/case-tools.ts';
import { startServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { eventually } from '../support/wire.ts';

export interface AttackedServer {
  /** New case tools for each test; their clients are closed after it. */
  readonly tools: CaseTools;
  readonly server: TestServer;
}

/** Checks that the server answers and that no channel and no connection is left. */
export const expectUnharmed = async (tools: CaseTools, limitMs = 5_000): Promise<void> => {
  const up = await tools.request({ method: 'GET', path: '/up' });
  expect([up.status, up.text]).toEqual([200, '{"health":"OK"}']);
  const left = async () => (await tools.get('/channels')).text + (await tools.get('/connections')).text;
  let last = '';
  await eventually(
    async () => (last = await left()) === '{"channels":{}}{"connections":0}',
    () => `no channel and no connection is left, but ${last}`,
    limitMs,
  );
};

interface ServerOptions {
  readonly args?: readonly string[];
  /** False if the API cannot be used for checks, because the app refuses requests. */
  readonly usesApi?: boolean;
}

/** Starts a server for all tests of a file or group. Checks after each test that it is unharmed. */
export const attackedServer = (
  env: Record<string, string> = {},
  { args = [], usesApi = true }: ServerOptions = {},
): AttackedServer => {
  const current: { tools?: CaseTools; server?: TestServer; hasEnded?: boolean } = {};
  beforeAll(async () => {
    current.server = await startServer({ ...APP_ENV, ...env }, args);
    void current.server.exited.then(() => (current.hasEnded = true));
  });
  beforeEach(() => {
    const { host, port } = current.server!;
    current.tools = new CaseTools({ ...APP, host, port, prefix: '' });
  });
  afterEach(async () => {
    await current.tools!.cleanUp();
    if (usesApi) await expectUnharmed(current.tools!);
    expect(current.hasEnded, current.server!.output()).toBeUndefined();
  });
  afterAll(() => current.server?.close());
  return {
    get tools() {
      return current.tools!;
    },
    get server() {
      return current.server!;
    },
  };
};

export const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Calls `act` `count` times, one after another. */
export const times = async (count: number, act: (index: number) => unknown): Promise<void> => {
  for (let index = 0; index < count; index += 1) await act(index);
};
