import { describe, expect, test } from 'vitest';
import type { Stores } from '../../src/core/ports/stores.ts';
import { OutcomeUnknown, Unavailable } from '../../src/core/ports/failures.ts';
import { deferred, openCore, settled, testApp, withOverrides } from './fakes.ts';

/** A broker that answers for everything with one promise, as for one script, and three clients on a channel. */
async function room() {
  const answer = deferred();
  let asked = 0;
  const stores = (memory: Stores): Stores => ({
    ...memory,
    broker: withOverrides(memory.broker, {
      publish: () => {
        asked += 1;
        return answer.promise;
      },
    }),
  });
  const app = testApp({ limits: { clientEventsPerSecond: 0, messagesPerSecond: 0 } });
  const site = openCore({ apps: [app], stores });
  const [sender, other, third] = [await site.connect(), await site.connect(), await site.connect()];
  for (const client of [sender, other, third]) client.subscribe('private-a');
  await settled();
  for (const client of [sender, other, third]) client.take();
  return { site, answer, sender, other, third, asked: () => asked };
}

describe('client events that the broker publishes together', () => {
  test('5.3 while 64 of one socket are in flight its next one waits, and those of others do not', async () => {
    const { answer, sender, other, asked } = await room();
    for (let n = 0; n < 66; n += 1) sender.sendClientEvent('private-a', 'client-x', n);
    await settled();
    expect(asked()).toBe(64);
    other.sendClientEvent('private-a', 'client-x', 0);
    await settled();
    expect(asked()).toBe(65);
    answer.release();
    await settled();
    expect(asked()).toBe(67);
  });

  test('5.3 when other nodes cannot be reached, each goes to the sockets here, in order', async () => {
    const { site, answer, sender, other, third } = await room();
    sender.sendClientEvent('private-a', 'client-x', 1);
    other.sendClientEvent('private-a', 'client-x', 2);
    sender.sendClientEvent('private-a', 'client-x', 3);
    answer.fail(new Unavailable('away'));
    await settled();
    const numbers = (client: typeof sender) => client.take().map(({ data }) => data);
    expect(numbers(third)).toEqual([1, 2, 3]);
    expect(numbers(sender)).toEqual([2]);
    expect(numbers(other)).toEqual([1, 3]);
    expect(site.logger.errors).toEqual([]);
  });

  test('5.3 an event that may have been published is not delivered here as well', async () => {
    const { site, answer, sender, third } = await room();
    sender.sendClientEvent('private-a', 'client-x', 1);
    answer.fail(new OutcomeUnknown('lost'));
    await settled();
    expect(third.take()).toEqual([]);
    expect(site.logger.errors).toEqual([]);
  });

  test('5.3 any other failure is a defect for each of them, and no socket is closed', async () => {
    const { site, answer, sender, third } = await room();
    sender.sendClientEvent('private-a', 'client-x', 1);
    sender.sendClientEvent('private-a', 'client-x', 2);
    answer.fail(new Error('broken'));
    await settled();
    expect(third.take()).toEqual([]);
    expect(site.logger.errors).toHaveLength(2);
    expect(sender.socket.ended).toBe(false);
  });
});
