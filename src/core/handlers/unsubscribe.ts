import type { SubscriptionCounter } from '../channels/subscription-counter.ts';
import type { Connection, Subscription } from '../client/connection.ts';
import type { Hub } from '../channels/hub.ts';
import type { Departures } from '../drain/departures.ts';

interface UnsubscribeDeps {
  readonly hub: Hub;
  readonly subscriptionCounter: SubscriptionCounter;
}

/** SPEC 3.8: no answer, and nothing happens when there was no subscription. */
export async function handleUnsubscribe(
  core: UnsubscribeDeps,
  from: Connection,
  channel: string,
): Promise<void> {
  from.tab?.unsubscribed(channel);
  const subscription = from.subscription(channel);
  if (subscription !== undefined) await leave(core, subscription);
}

interface LeaveAllDeps extends UnsubscribeDeps {
  readonly departures: Pick<Departures, 'concern' | 'add'>;
}

/** SPEC 2.13, 3.11: takes a closed socket off all of its channels. */
export async function leaveAll(core: LeaveAllDeps, from: Connection): Promise<void> {
  const { departures } = core;
  await Promise.all(
    [...from.subscriptions].map((subscription) =>
      departures.concern(subscription) ? departures.add(subscription) : leave(core, subscription),
    ),
  );
}

async function leave(core: UnsubscribeDeps, subscription: Subscription): Promise<void> {
  await core.hub.leave(subscription);
  core.subscriptionCounter.changed(subscription.connection.app, subscription.ref);
}
