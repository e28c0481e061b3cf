/** Typical uses of apps from Reverb, under the default limits: many channels at a reconnect, a shared cursor, a burst of client events. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ask } from './sdk.ts';
import { subscribeTo, inState, openClients, type ClientsContext } from './stock-clients.ts';
import { sleep } from '../../src/core/util/time.ts';

let clients: ClientsContext;

beforeAll(async () => {
  clients = await openClients();
});
afterEach(() => clients.clear());
afterAll(() => clients.close());

describe('many channels', () => {
  test.each([350, 1000])(
    '3.12 all of %i subscriptions succeed, at the first connection and after a reconnect',
    async (count) => {
      const pusher = clients.pusher();
      const answers = new Map<string, number>();
      for (let at = 0; at < count; at += 1) {
        const name = `many-${count}-${at}`;
        const channel = pusher.subscribe(name);
        channel.bind('pusher:subscription_succeeded', () => answers.set(name, (answers.get(name) ?? 0) + 1));
        channel.bind('pusher:subscription_error', () => answers.set(name, -1));
      }
      const answered = (times: number) => [...answers.values()].filter((each) => each === times).length;
      await expect.poll(() => answered(1), { timeout: 30_000 }).toBe(count);
      pusher.disconnect();
      await inState(pusher, 'disconnected');
      pusher.connect();
      await expect.poll(() => answered(2), { timeout: 30_000 }).toBe(count);
      await expect.poll(() => ask(clients.sdk, '/connections', {})).toEqual({ connections: 1 });
    },
    90_000,
  );
});

describe('whispers', () => {
  const pair = async () => {
    const name = clients.name('private-cursor');
    const [from, to] = [
      await subscribeTo(clients.pusher('1'), name),
      await subscribeTo(clients.pusher('2'), name),
    ];
    return { from: from.channel, recorder: to.recorder };
  };

  test('5.5 all events of a shared cursor at 60 a second are delivered: 246 of 246', async () => {
    const { from, recorder } = await pair();
    for (let at = 0; at < 246; at += 1) {
      from.trigger('client-cursor', { at });
      await sleep(1000 / 60);
    }
    await recorder.until(() => recorder.count('client-cursor') === 246, 'every whisper', 10_000);
    expect(recorder.all('client-cursor')).toEqual(Array.from({ length: 246 }, (_, at) => ({ at })));
  });

  test('2.12 all events of a burst above every rate are delivered in order: 3,500 of 3,500', async () => {
    const { from, recorder } = await pair();
    for (let at = 0; at < 3500; at += 1) from.trigger('client-burst', { at });
    await recorder.until(() => recorder.count('client-burst') === 3500, 'every whisper', 30_000);
    expect(recorder.all('client-burst')).toEqual(Array.from({ length: 3500 }, (_, at) => ({ at })));
  }, 60_000);
});
