import { afterAll, describe, test } from 'vitest';
import { cases } from './cases/index.ts';
import type { Case } from './case.ts';
import { Servers, tryCase } from './runner.ts';
import { wavehall } from './target.ts';

const servers = new Servers(wavehall());
afterAll(() => servers.close());

const tryOne = async (each: Case) => {
  const server = await servers.for(each);
  if (!server) throw new Error(`Wavehall cannot be started with ${JSON.stringify(each.needs)}`);
  try {
    await tryCase(each, server.running);
  } finally {
    await server.done();
  }
};

const SERVER_START_LIMIT_MS = 20_000;
const titleOf = ({ rule, id, title }: Case) => `${rule} ${id} ${title}`;

describe('on one server', () => {
  for (const each of cases.filter(({ needs, alone }) => !needs && !alone)) {
    test(titleOf(each), () => tryOne(each), (each.limitMs ?? 20_000) + SERVER_START_LIMIT_MS);
  }
});

// Vitest's maxConcurrency limits how many of these servers run at once.
describe.concurrent('on servers of their own', () => {
  for (const each of cases.filter(({ needs, alone }) => needs ?? alone)) {
    test(titleOf(each), () => tryOne(each), (each.limitMs ?? 20_000) + SERVER_START_LIMIT_MS);
  }
});
