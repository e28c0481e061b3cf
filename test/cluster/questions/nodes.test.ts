/** Nodes in this process that ask each other, over a real Redis. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openMemoryStores } from '../../../src/stores/memory/index.ts';
import { Keys } from '../../../src/stores/redis/keys.ts';
import { ANSWER_MS, MOST_PER_SECOND } from '../../../src/stores/redis/node/questions/node-questions.ts';
import { encodeMessage } from '../../../src/stores/redis/node/questions/question-message.ts';
import { startRedis, type TestRedis } from '../../support/redis.ts';
import { eventually } from '../../support/wire.ts';
import { nodeOptions, openNode } from '../redis-node.ts';

type Node = Awaited<ReturnType<typeof openNode>>;

const WAIT_MS = 15_000;
let redis: TestRedis;
let client: Redis;
beforeAll(async () => {
  redis = await startRedis();
  client = new Redis(redis.port);
});
afterAll(async () => {
  client.disconnect();
  await redis.close();
});

const questionsOf = ({ nodeQuestions }: Node) => {
  if (nodeQuestions === undefined) throw new Error('no questions');
  return nodeQuestions;
};

/** A node that answers with its word and what it was asked. */
async function answering(options: ReturnType<typeof nodeOptions>, word: string): Promise<Node> {
  const node = await openNode(options);
  questionsOf(node).onQuestion((question) => ({ word, question }));
  return node;
}

test('16.4 a single node asks nobody', () => {
  expect(openMemoryStores().nodeQuestions).toBeUndefined();
});

test('16.4 each other node answers, and the wait ends with the last of them', async () => {
  const options = nodeOptions({ port: redis.port });
  const [a, b, c] = [
    await answering(options, 'a'),
    await answering(options, 'b'),
    await answering(options, 'c'),
  ];
  await eventually(
    async () => {
      const startMs = performance.now();
      const { answers, silent } = await questionsOf(a).ask({ x: 1 });
      const words = answers.map(({ answer }) => answer);
      return words.length === 2 && silent?.length === 0 && performance.now() - startMs < ANSWER_MS;
    },
    'both answer at once',
    WAIT_MS,
  );
  const { answers } = await questionsOf(a).ask({ x: 1 });
  expect(answers).toEqual(
    expect.arrayContaining([
      { node: questionsOf(b).name, answer: { word: 'b', question: { x: 1 } } },
      { node: questionsOf(c).name, answer: { word: 'c', question: { x: 1 } } },
    ]),
  );
  for (const node of [a, b, c]) expect(node.count('invalid_data_total')).toBe(0);
});

test('16.4 a node that knows no such question is silent, and is named', async () => {
  const options = nodeOptions({ port: redis.port });
  const [a, b] = [await answering(options, 'a'), await openNode(options)];
  expect(await questionsOf(a).ask({})).toEqual({ answers: [], silent: [questionsOf(b).name] });
});

test('16.4 messages that no node sends, of other installations and to questions that are over are not used', async () => {
  const options = nodeOptions({ port: redis.port });
  const [a, b] = [await answering(options, 'a'), await answering(options, 'b')];
  const keys = new Keys(options.keyPrefix, options.partitions, options.database);
  await client.publish(keys.nodeQuestions(), '{"version":1}');
  await client.publish(
    keys.nodeQuestions(),
    encodeMessage({ from: 'x', scope: 'other', number: 1, question: {} }),
  );
  await client.publish(keys.nodeQuestions(), '{"version":2}');
  await eventually(
    () => [a, b].every((node) => node.count('invalid_data_total') === 1),
    'one is counted',
    WAIT_MS,
  );
  await eventually(
    async () => (await questionsOf(a).ask({})).answers.length === 1,
    'the other one answers',
    WAIT_MS,
  );
});

test(`16.4 a node answers ${MOST_PER_SECOND} questions a second`, async () => {
  const options = nodeOptions({ port: redis.port });
  const node = await openNode(options);
  let answered = 0;
  questionsOf(node).onQuestion(() => {
    answered += 1;
    return {};
  });
  const other = await openNode(options);
  await eventually(
    async () => (await questionsOf(other).ask({})).answers.length === 1,
    'it answers',
    WAIT_MS,
  );
  const before = answered;
  const startMs = performance.now();
  await Promise.all(Array.from({ length: 3 * MOST_PER_SECOND }, () => questionsOf(other).ask({})));
  const seconds = Math.ceil((performance.now() - startMs) / 1000) + 1;
  expect(answered - before).toBeGreaterThanOrEqual(MOST_PER_SECOND - 1);
  expect(answered - before).toBeLessThanOrEqual(seconds * MOST_PER_SECOND);
});
