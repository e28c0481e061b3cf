import { expect, test } from 'vitest';
import { statusReader } from '../../src/server/status/status.ts';

const sections = [{ name: 'node', read: () => ({ pid: process.pid, apps: 3 }) }];
const OTHERS = [{ node: { pid: 1 } }, { node: { pid: 2 } }];

const read = (answers: readonly object[]): Promise<object> =>
  statusReader(sections, {
    count: 2,
    restarts: 0,
    onRequest: () => undefined,
    requestAll: () => Promise.resolve(answers),
  })();

test.each([
  ['is being replaced, so that it is not one of the workers', OTHERS],
  ['hears of no worker', []],
])('11.5 a process that %s answers with its own sections', async (_, answers) => {
  expect(await read(answers)).toEqual({
    node: { pid: process.pid, apps: 3 },
    workers: answers,
    workersWanted: 2,
  });
});
