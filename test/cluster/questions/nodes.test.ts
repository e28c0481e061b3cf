/** Nodes in this process that ask each other, over a real Redis. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { Keys } from '../../../src/stores/redis/keys.ts';
import {
  ANSWER_MS,
  MOST_ANSWERS,
  MOST_PER_SECOND,
} from '../../../src/stores/redis/node/questions/node-questions.ts';
import {
  encodeMessage,
  LONGEST_ANSWER_BYTES,
  LONGEST_QUESTION_BYTES,
} from '../../../src/stores/redis/node/questions/question-message.ts';
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

/** A node that answers with its word and what it was asked. */
async function answering(options: ReturnType<typeof nodeOptions>, word: string): Promise<Node> {
  const node = await openNode(options);
  node.nodeQuestions.onQuestion((question) => ({ word, question }));
  return node;
}

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
      const { answers, silent } = await a.nodeQuestions.ask({ x: 1 });
      const words = answers.map(({ answer }) => answer);
      return words.length === 2 && silent?.length === 0 && performance.now() - startMs < ANSWER_MS;
    },
    'both answer at once',
    WAIT_MS,
  );
  const { answers } = await a.nodeQuestions.ask({ x: 1 });
  expect(answers).toEqual(
    expect.arrayContaining([
      { node: b.nodeQuestions.name, answer: { word: 'b', question: { x: 1 } } },
      { node: c.nodeQuestions.name, answer: { word: 'c', question: { x: 1 } } },
    ]),
  );
  for (const node of [a, b, c]) expect(node.count('invalid_data_total')).toBe(0);
});

test('16.4 a node that knows no such question is silent, and is named', async () => {
  const options = nodeOptions({ port: redis.port });
  const [a, b] = [await answering(options, 'a'), await openNode(options)];
  expect(await a.nodeQuestions.ask({})).toEqual({ answers: [], silent: [b.nodeQuestions.name] });
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
    async () => (await a.nodeQuestions.ask({})).answers.length === 1,
    'the other one answers',
    WAIT_MS,
  );
});

test(`16.4 a node answers ${MOST_PER_SECOND} questions a second, and not one more`, async () => {
  const options = nodeOptions({ port: redis.port });
  const keys = new Keys(options.keyPrefix, options.partitions, options.database);
  const node = await openNode(options);
  const asked: unknown[] = [];
  node.nodeQuestions.onQuestion((question) => {
    asked.push(question);
    return {};
  });
  const send = (question: unknown) => client.publish(keys.nodeQuestions(), questionOf(keys, question));
  await eventually(async () => (await send(0)) > 0 && asked.length > 0, 'it answers', WAIT_MS);
  // Messages of one sender arrive in order: an invalid one at the end is counted after all others.
  const settle = async () => {
    const before = node.count('invalid_data_total');
    await client.publish(keys.nodeQuestions(), '{}');
    await eventually(() => node.count('invalid_data_total') > before, 'the last one has arrived', WAIT_MS);
  };
  await settle();
  const time = vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 1000);
  onTestFinished(() => time.mockRestore());
  asked.length = 0;
  for (let number = 1; number <= MOST_PER_SECOND; number += 1) await send(number);
  await settle();
  expect(asked).toHaveLength(MOST_PER_SECOND);
  await send('one more');
  await settle();
  expect(asked).toHaveLength(MOST_PER_SECOND);
  time.mockReturnValue(performance.now() + 1000);
  await send('of the next second');
  await settle();
  expect(asked.at(-1)).toBe('of the next second');
});

test.each([MOST_ANSWERS - 1, MOST_ANSWERS, MOST_ANSWERS + 1])(
  '16.4 of %i answers the first 128 are used, each node once',
  async (sent) => {
    const options = nodeOptions({ port: redis.port });
    const keys = new Keys(options.keyPrefix, options.partitions, options.database);
    // The second node keeps silent, so that the first one waits.
    const [asking] = [await openNode(options), await openNode(options)];
    const listener = client.duplicate();
    onTestFinished(() => listener.disconnect());
    await listener.subscribe(keys.nodeQuestions());
    listener.on('message', (_, text) => {
      const { from, number } = JSON.parse(text) as { from: string; number: number };
      for (let at = 0; at < sent; at += 1) {
        const answer = encodeMessage({ from: `n${at}`, scope: keys.scopeOf(''), number, answer: { at } });
        for (let times = 0; times < 2; times += 1) void client.publish(keys.nodeAnswers(from), answer);
      }
    });
    const { answers } = await asking.nodeQuestions.ask({});
    expect(answers.map(({ node }) => node)).toEqual(
      Array.from({ length: Math.min(sent, MOST_ANSWERS) }, (_, at) => `n${at}`),
    );
  },
);

test('16.4 an answer of n bytes arrives, one of n + 1 is not sent, and a question of n + 1 bytes is not asked', async () => {
  const options = nodeOptions({ port: redis.port });
  const [a, b] = [await openNode(options), await openNode(options)];
  let padding = 0;
  b.nodeQuestions.onQuestion(() => ({ x: 'x'.repeat(padding) }));
  await eventually(async () => (await a.nodeQuestions.ask({})).answers.length === 1, 'it answers', WAIT_MS);
  const keys = new Keys(options.keyPrefix, options.partitions, options.database);
  const scope = keys.scopeOf('');
  // Questions are numbered; those that follow have as many digits.
  const digits = 10;
  expect(b.nodeQuestions.name.length).toBeGreaterThan(0);
  const fixed = encodeMessage({
    from: b.nodeQuestions.name,
    scope,
    number: digits,
    answer: { x: '' },
  }).length;
  for (let number = 2; number < digits; number += 1) await a.nodeQuestions.ask({});
  padding = LONGEST_ANSWER_BYTES - fixed;
  expect((await a.nodeQuestions.ask({})).answers).toHaveLength(1);
  padding += 1;
  expect(await a.nodeQuestions.ask({})).toEqual({ answers: [], silent: [b.nodeQuestions.name] });
  padding = 0;
  expect(await a.nodeQuestions.ask({ x: 'x'.repeat(LONGEST_QUESTION_BYTES) })).toEqual({
    answers: [],
    silent: [],
  });
});

const questionOf = (keys: Keys, question: unknown): string =>
  encodeMessage({ from: 'asker', scope: keys.scopeOf(''), number: 1, question });
