/** Webhooks of a server whose clients are bridged to an upstream. */
import { expect, onTestFinished, test } from 'vitest';
import { Lives } from '../../faults/webhooks/lives.ts';
import { startEndpoint, webhookVariables } from '../../support/webhooks.ts';
import { startFrontDoor, startTestServer } from '../servers.ts';

const TRANSITIONS = ['channel_occupied', 'channel_vacated', 'member_added', 'member_removed'];

test('9.4 with the bridge on, transitions of own clients are told as without it', async () => {
  const endpoint = await startEndpoint('shop', TRANSITIONS);
  onTestFinished(endpoint.close);
  const upstream = await startTestServer();
  const frontDoor = await startFrontDoor(upstream, 100, webhookVariables([endpoint.json], 100));
  const lives = new Lives();
  onTestFinished(() => lives.close());
  const life = await lives.begin(frontDoor, 2);
  await lives.end(life);
  for (const channel of life.channels) {
    await endpoint.arrived({ name: 'channel_vacated', channel });
    const events = endpoint.events().filter((event) => event.channel === channel);
    expect(events).toEqual([
      { name: 'channel_occupied', channel },
      { name: 'member_added', channel, user_id: life.user },
      { name: 'member_removed', channel, user_id: life.user },
      { name: 'channel_vacated', channel },
    ]);
  }
});
