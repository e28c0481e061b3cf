import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Stores } from '../../src/core/ports.ts';
import { type Capabilities, HOSTILE, listening, type Open, ref, type Subject } from './subject.ts';

/** What every history does; the broker beside it is what remembers. */
export function historyContract(open: Open, { severalNodes, pass }: Capabilities): void {
  let subject: Subject;
  beforeEach(async () => {
    subject = await open();
  });
  afterEach(() => subject.close());

  const keep = (node: Stores, channel: string, payload: string, ttlSeconds = 100, app = 'app') =>
    node.broker.publish(ref(channel, app), { payload }, { size: 1, ttlSeconds });

  test('3.10 nothing is remembered of a channel where nothing was published', async () => {
    const node = await listening(subject);
    expect(await node.history.last(ref('cache-a'))).toBeUndefined();
  });

  test('3.10 the last event is remembered, to the letter', async () => {
    const node = await listening(subject);
    await keep(node, 'cache-a', 'first');
    await keep(node, 'cache-a', '{"data":"ü \\u2028 \u0000"}');
    expect((await node.history.last(ref('cache-a')))?.payload).toBe('{"data":"ü \\u2028 \u0000"}');
  });

  test('3.10 what is not to be kept does not take its place', async () => {
    const node = await listening(subject);
    await keep(node, 'cache-a', 'kept');
    await node.broker.publish(ref('cache-a'), { payload: 'client event' });
    expect((await node.history.last(ref('cache-a')))?.payload).toBe('kept');
  });

  test('3.10 channels and apps are told apart, whatever they are called', async () => {
    const node = await listening(subject);
    const places = HOSTILE.flatMap((name) => [
      [name, 'app'],
      [name, 'other'],
      ['cache-a', name],
    ]) as [string, string][];
    for (const [channel, app] of places) await keep(node, channel, `${app} ${channel}`, 100, app);
    for (const [channel, app] of places)
      expect((await node.history.last(ref(channel, app)))?.payload).toBe(`${app} ${channel}`);
  });

  test('8.7 it says for how many seconds more, and forgets in time', async () => {
    const node = await listening(subject);
    await keep(node, 'cache-a', 'x', 3);
    expect(await node.history.last(ref('cache-a'))).toEqual({ payload: 'x', ttlSeconds: 3 });
    await pass(1500);
    expect(await node.history.last(ref('cache-a'))).toEqual({ payload: 'x', ttlSeconds: 2 });
    await pass(1600);
    expect(await node.history.last(ref('cache-a'))).toBeUndefined();
  });

  test('3.10 a new event is remembered for its own time', async () => {
    const node = await listening(subject);
    await keep(node, 'cache-a', 'old', 2);
    await pass(1500);
    await keep(node, 'cache-a', 'new', 2);
    await pass(1500);
    expect((await node.history.last(ref('cache-a')))?.payload).toBe('new');
  });

  if (severalNodes)
    test('3.10 what one node remembers, all of them do', async () => {
      const [first, second] = [await listening(subject), await listening(subject)];
      await keep(first, 'cache-a', 'x');
      expect((await second.history.last(ref('cache-a')))?.payload).toBe('x');
    });
}
