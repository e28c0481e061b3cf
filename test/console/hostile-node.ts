import { Redis } from 'ioredis';
import { onTestFinished } from 'vitest';
import type { ViewAnswer } from '../../src/core/live/inspect/questions.ts';
import { encodeMessage } from '../../src/stores/redis/node/questions/question-message.ts';
import type { HistoryAnswer } from '../../src/core/traffic/history-question.ts';
import type { TestRedis } from '../support/redis.ts';

interface Question {
  readonly from: string;
  readonly scope: string;
  readonly number: number;
  readonly question: object;
}

/** Answers every question of the nodes, as one that has been taken over would: with the given text wherever a text may be. */
export async function answerHostilely({ port }: TestRedis, text: string): Promise<void> {
  const [ears, mouth] = [new Redis(port), new Redis(port)];
  onTestFinished(() => {
    ears.disconnect();
    mouth.disconnect();
  });
  ears.on('pmessage', (_pattern: string, channel: string, message: string) => {
    const { from, scope, number } = JSON.parse(message) as Question;
    const answer = encodeMessage({ from: 'hostile', scope, number, answer: hostileAnswer(text) });
    void mouth.publish(channel.replace(/node-questions$/, `node-answers:${from}`), answer);
  });
  await ears.psubscribe('*node-questions');
}

function hostileAnswer(text: string): ViewAnswer & HistoryAnswer {
  const row = { socket: text, address: text, transport: text, user: text, channels: 1, openedAtMs: 1 };
  const frames = [{ atMs: 1, direction: 'in', event: text, bytes: 1 }] as const;
  return {
    ...{ process: text, node: text, host: text, pid: 1 },
    rows: [{ name: text, count: 1 }],
    count: 1,
    connections: [row],
    closed: { ...row, closedAtMs: 2, code: 1, cause: text, message: text, frames },
  };
}
