import { expect, test } from 'vitest';
import { encodeEvent } from '../../src/stores/redis/events/message-codec.ts';
import { BYTES_PER_SCRIPT, PublishBatch } from '../../src/stores/redis/events/publish-batch.ts';
import { Keys } from '../../src/stores/redis/keys.ts';

const KEYS = new Keys('wavehall:', 1).channel({ app: 'a', channel: 'orders' });

test.each([
  ['ASCII', 'u'],
  ['two bytes for each character', 'ü'],
  ['four bytes for each two units of UTF-16', '𝒳'],
])('3.13 one script is limited by its bytes of UTF-8: %s', (_what, letter) => {
  const { text, bytes } = encodeEvent({ payload: letter.repeat(1000), except: '1.2' });
  expect(bytes).toBe(Buffer.byteLength(text));
  const load = new PublishBatch(0, 1);
  load.add(KEYS, text, bytes, undefined);
  expect(load.hasRoom(BYTES_PER_SCRIPT - bytes)).toBe(true);
  expect(load.hasRoom(BYTES_PER_SCRIPT - bytes + 1)).toBe(false);
});
