import { afterAll, describe, test } from 'vitest';
import type { FallbackTransport } from '../support/fallback-socket.ts';
import { cases } from './cases/index.ts';
import type { Case } from './case.ts';
import { Servers, tryCase } from './runner.ts';
import { wavehall } from './target.ts';

const SERVER_START_LIMIT_MS = 20_000;
const titleOf = ({ rule, id, title }: Case): string => `${rule} ${id} ${title}`;

/** Declares a test for each case, with clients that connect in this way; not given: over WebSocket. */
export function runCases(transport?: FallbackTransport): void {
  const servers = new Servers(wavehall(transport));
  afterAll(() => servers.close());
  const chosen = cases.filter(
    ({ overWebSocketOnly = false }) => transport === undefined || !overWebSocketOnly,
  );
  const declare = (each: Case): void =>
    test(titleOf(each), () => tryOne(servers, each), (each.limitMs ?? 20_000) + SERVER_START_LIMIT_MS);

  describe('on one server', () => {
    chosen.filter(({ needs, alone }) => !needs && !alone).forEach(declare);
  });

  // Vitest's maxConcurrency limits how many of these servers run at once.
  describe.concurrent('on servers of their own', () => {
    chosen.filter(({ needs, alone }) => needs ?? alone).forEach(declare);
  });
}

async function tryOne(servers: Servers, each: Case): Promise<void> {
  const server = await servers.for(each);
  if (!server) throw new Error(`Wavehall cannot be started with ${JSON.stringify(each.needs)}`);
  try {
    await tryCase(each, server.running);
  } finally {
    await server.done();
  }
}
