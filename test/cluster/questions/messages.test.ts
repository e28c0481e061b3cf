/** Messages of questions and answers between nodes; no Redis. */
import { describe, expect, test } from 'vitest';
import {
  decodeAnswer,
  decodeQuestion,
  encodeMessage,
  LONGEST_ANSWER_BYTES,
  LONGEST_QUESTION_BYTES,
} from '../../../src/stores/redis/node/questions/question-message.ts';

const HEAD = { from: 'node-1', scope: 'abc', number: 1 };
const bytesOf = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

describe.each([
  ['question', decodeQuestion, LONGEST_QUESTION_BYTES],
  ['answer', decodeAnswer, LONGEST_ANSWER_BYTES],
] as const)('a message with a %s', (name, decode, mostBytes) => {
  const message = { ...HEAD, [name]: { a: 1 } };
  const sent = { version: 1, ...message };

  test('16.4 is read as it was sent, without fields of newer nodes', () => {
    expect(decode(Buffer.from(encodeMessage(message as never)))).toEqual(message);
    expect(decode(bytesOf({ ...sent, region: 'eu' }))).toEqual(message);
  });

  test('16.4 of a higher version is ignored, and is not invalid', () => {
    expect(decode(bytesOf({ version: 2 }))).toBe('newer');
  });

  test.each([
    ['a list', []],
    ['nothing', null],
    ['no version', message],
    ['version 0', { ...sent, version: 0 }],
    ['no name', { ...sent, from: '' }],
    ['a name with other characters', { ...sent, from: 'a*' }],
    ['a name that is too long', { ...sent, from: 'a'.repeat(65) }],
    ['no scope', { ...sent, scope: undefined }],
    ['a negative number', { ...sent, number: -1 }],
    ['a number in words', { ...sent, number: '1' }],
    ['no content', { ...sent, [name]: undefined }],
  ])('16.4 with %s is invalid', (_, fields) => {
    expect(decode(bytesOf(fields))).toBeUndefined();
  });

  test('16.4 that is no JSON is invalid', () => {
    for (const text of ['', '{', '"a"', '\0']) expect(decode(Buffer.from(text))).toBeUndefined();
  });

  test('16.4 has so many bytes at most', () => {
    const padding = mostBytes - bytesOf({ ...sent, more: '' }).length;
    expect(decode(bytesOf({ ...sent, more: 'x'.repeat(padding) }))).toEqual(message);
    expect(decode(bytesOf({ ...sent, more: 'x'.repeat(padding + 1) }))).toBeUndefined();
  });
});
