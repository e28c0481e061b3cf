import { expect, test } from 'vitest';
import type { App } from '../../src/core/app.ts';
import { LiveApps } from '../../src/apps/sql/live-apps.ts';
import { liveWebhookWishes } from '../../src/core/webhooks/wishes.ts';
import { openMemoryStores } from '../../src/stores/memory/index.ts';
import { status } from './receiver.ts';
import { appOf, deliver, endpointOf, receiverWith, record } from './deliver.ts';
import { waitFor } from '../support/wait-for.ts';

const SETTINGS = { smoothingMs: 0, maxWaiting: 100, maxDead: 10, deadTtlMs: 60_000 };

/** Delivery for apps that change, over the outbox of a single node. */
function deliverLive(first: readonly App[]) {
  const live = new LiveApps();
  live.replace(first);
  const { outbox } = openMemoryStores(undefined, undefined, liveWebhookWishes(live, SETTINGS));
  if (outbox === undefined) throw new Error('no outbox');
  const site = deliver([], {}, undefined, { apps: first, outbox: outbox as never });
  live.onChange(() => site.webhooks.update(live.all));
  return { ...site, outbox, live };
}

test('2.18 an endpoint that is new gets the events from then on', async () => {
  const receiver = await receiverWith();
  const { live, outbox, webhooks } = deliverLive([appOf([])]);
  await outbox.add(record('before'));
  live.replace([appOf([endpointOf('one', receiver.url)])]);
  await outbox.add(record('after'));
  await waitFor(() => expect(receiver.requests).toHaveLength(1));
  expect(receiver.requests[0]?.body).toContain('"after"');
  expect((await webhooks.list()).map(({ endpoint }) => endpoint)).toEqual(['one']);
});

test('2.18 an endpoint that moves gets the next events at its new address, signed with the new pair', async () => {
  const [first, second] = [await receiverWith(), await receiverWith()];
  const { live, outbox } = deliverLive([appOf([endpointOf('one', first.url)])]);
  await outbox.add(record('a'));
  await waitFor(() => expect(first.requests).toHaveLength(1));
  const next = {
    ...appOf([endpointOf('one', second.url)]),
    credentials: [{ key: 'new', secret: 's' }],
  } as App;
  live.replace([next]);
  await outbox.add(record('b'));
  await waitFor(() => expect(second.requests).toHaveLength(1));
  expect(second.requests[0]?.headers['x-pusher-key']).toBe('new');
  // The endpoint is the same, and only the pair is another.
  live.replace([{ ...next, credentials: [{ key: 'newer', secret: 's' }] }]);
  await outbox.add(record('c'));
  await waitFor(() => expect(second.requests).toHaveLength(2));
  expect(second.requests[1]?.headers['x-pusher-key']).toBe('newer');
  expect(first.requests).toHaveLength(1);
});

test('2.18 what waits for an endpoint that is gone is dropped, and others lose nothing', async () => {
  const [broken, well] = [await receiverWith(status(500)), await receiverWith()];
  const both = [endpointOf('one', broken.url), endpointOf('two', well.url)];
  const { live, outbox } = deliverLive([appOf(both)]);
  await outbox.add(record('a'));
  await waitFor(() => expect(well.requests).toHaveLength(1));
  expect((await outbox.waiting('one')).entries).toBe(1);
  live.replace([appOf([both[1]!])]);
  await outbox.add(record('b'));
  await waitFor(() => expect(well.requests).toHaveLength(2));
  expect(await outbox.waiting('one')).toEqual({ entries: 0, oldestMs: 0 });
  await waitFor(() => expect(outbox.save().events).toEqual([]));
});
