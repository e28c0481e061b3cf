import { eventually } from '../../support/wire.ts';
import type { Case } from '../case.ts';
import { same } from '../expect.ts';
import { needs } from '../settings.ts';
import { member, SUCCEEDED } from '../case-tools.ts';
import type { CaseTools } from '../case-tools.ts';

const missOf = (channel: string) => ({ event: 'pusher:cache_miss', channel, data: '{}' });

/** All frames that a new subscriber receives. */
const frames = async (tools: CaseTools, channel: string, joining?: object) => {
  const wire = await tools.connect();
  tools.sendSubscribe(wire, channel, joining ? { member: joining } : {});
  return { wire, frames: await wire.settle() };
};

/** Expects that a new subscriber receives success and then exactly this frame. */
const expectCached = async (tools: CaseTools, channel: string, expected: object, joining?: object) => {
  const got = (await frames(tools, channel, joining)).frames;
  same(got[0]?.event, SUCCEEDED, 'the first frame');
  same(got.slice(1), [expected], 'the frames after success');
};

export const cache: Case[] = [
  {
    id: 'S21',
    rule: '3.10',
    title: 'an empty cache channel: success, then cache_miss with its channel',
    async run(tools) {
      for (const base of ['cache-x', 'private-cache-x', 'private-encrypted-cache-x']) {
        const channel = tools.name(base);
        await expectCached(tools, channel, missOf(channel));
      }
      const presence = tools.name('presence-cache-x');
      await expectCached(tools, presence, missOf(presence), member('1'));
    },
  },
  {
    id: 'S22',
    rule: '3.10',
    title: 'a later subscriber receives an event that was published without subscribers',
    async run(tools) {
      const channel = tools.name('cache-x');
      await tools.publish('e', '{"n":1}', channel);
      await expectCached(tools, channel, { event: 'e', data: '{"n":1}', channel });
    },
  },
  {
    id: 'S61',
    rule: '3.10',
    title: 'the newest event is the cached one, also while there are subscribers',
    async run(tools) {
      const channel = tools.name('cache-x');
      const { wire } = await frames(tools, channel);
      for (const n of ['1', '2', '3']) await tools.publish('e', n, channel);
      await wire.settle();
      await expectCached(tools, channel, { event: 'e', data: '3', channel });
    },
  },
  {
    id: 'S62',
    rule: '3.10',
    title: 'the cached frame is the same text as the frame of the publish',
    async run(tools) {
      const channel = tools.name('cache-x');
      const { wire: subscriber } = await frames(tools, channel);
      await tools.publish('App\\Events\\E', '{"a":"\\u00e9/é"}', channel);
      await subscriber.settle();
      const { wire: late } = await frames(tools, channel);
      const text = subscriber.texts.find((each) => each.includes('Events'));
      same(
        late.texts.find((each) => each.includes('Events')),
        text,
        'the text of the cached frame',
      );
    },
  },
  {
    id: 'S23',
    rule: '3.10',
    title: 'a client event is not cached',
    async run(tools) {
      const channel = tools.name('private-cache-x');
      const sender = await tools.subscriber(channel);
      await tools.publish('e', 'published', channel);
      tools.clientEvent(sender, channel, { n: 1 });
      await sender.settle();
      await expectCached(tools, channel, { event: 'e', data: 'published', channel });
    },
  },
  {
    id: 'S24',
    rule: '3.10',
    title: 'member_removed is not cached',
    async run(tools) {
      const channel = tools.name('presence-cache-x');
      await tools.subscriber(channel, { member: member('first') });
      const leaver = await tools.subscriber(channel, { member: member('second') });
      await tools.publish('e', 'published', channel);
      tools.unsubscribe(leaver, channel);
      await leaver.settle();
      await expectCached(tools, channel, { event: 'e', data: 'published', channel }, member('new'));
    },
  },
  {
    id: 'S26',
    rule: '7.7',
    title: 'an encrypted cache channel sends the identical ciphertext to a new subscriber',
    async run(tools) {
      const channel = tools.name('private-encrypted-cache-x');
      const data = '{"nonce":"AAAA+/==","ciphertext":"q83vEjRWeJA/+w=="}';
      await tools.publish('e', data, channel);
      await expectCached(tools, channel, { event: 'e', data, channel });
    },
  },
  {
    id: 'S63',
    rule: '3.10',
    title: 'an event that excludes a socket is cached as well',
    async run(tools) {
      const channel = tools.name('cache-x');
      const { wire } = await frames(tools, channel);
      await tools.publish('e', 'd', channel, { socket_id: wire.socketId });
      await tools.receivesNothing(wire);
      await expectCached(tools, channel, { event: 'e', data: 'd', channel });
    },
  },
  {
    id: 'S64',
    rule: '3.10',
    title: 'subscribing again sends the cached event again',
    async run(tools) {
      const channel = tools.name('cache-x');
      await tools.publish('e', 'd', channel);
      const { wire } = await frames(tools, channel);
      tools.sendSubscribe(wire, channel);
      const again = await wire.settle();
      same(
        again.map(({ event }) => event),
        [SUCCEEDED, 'e'],
        'frames of the second subscription',
      );
    },
  },
  {
    id: 'S65',
    rule: '3.10',
    title: 'the cached event is kept when the last subscriber leaves',
    async run(tools) {
      const channel = tools.name('cache-x');
      const { wire } = await frames(tools, channel);
      await tools.publish('e', 'd', channel);
      tools.unsubscribe(wire, channel);
      await wire.settle();
      await expectCached(tools, channel, { event: 'e', data: 'd', channel });
    },
  },
  {
    id: 'S66',
    rule: '3.4',
    title: 'on a presence-cache channel success with the roster is sent before the cached event',
    async run(tools) {
      const channel = tools.name('presence-cache-x');
      await tools.publish('e', 'd', channel);
      const watcher = await tools.subscriber(channel, { member: member('w') });
      await watcher.settle();
      const { frames: got } = await frames(tools, channel, member('1'));
      same(
        got.map(({ event }) => event),
        [SUCCEEDED, 'e'],
        'frames of the newcomer',
      );
      same(
        (await watcher.settle()).map(({ event }) => event),
        ['pusher_internal:member_added'],
        'frames of the other socket',
      );
    },
  },
  {
    id: 'S67',
    rule: '3.1',
    title: 'a channel with cache- in the middle of its name is no cache channel',
    async run(tools) {
      for (const base of ['my-cache-x', 'private-x-cache-y', 'cache']) {
        const channel = tools.name(base).replace(/^cache-/, 'cache.');
        await tools.publish('e', 'd', channel);
        const got = (await frames(tools, channel)).frames;
        same(
          got.map(({ event }) => event),
          [SUCCEEDED],
          `frames on ${channel}`,
        );
      }
    },
  },
  {
    id: 'S69',
    rule: '3.10',
    title: 'the event of a cache channel expires after the configured time',
    needs: needs.shortCache,
    async run(tools) {
      const channel = tools.name('cache-x');
      await tools.publish('e', 'd', channel);
      await expectCached(tools, channel, { event: 'e', data: 'd', channel });
      const isForgotten = async () => {
        const { cache: kept } = (await tools.channel(channel, 'cache')) as { cache: unknown };
        return kept === null;
      };
      await eventually(isForgotten, 'the event is forgotten', 4_000);
      await expectCached(tools, channel, missOf(channel));
    },
  },
];
