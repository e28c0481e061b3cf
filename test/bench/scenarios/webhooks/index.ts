/** Cost of webhooks: a delivery, a subscription while they are on, and the time until they arrive. */
import type { Scenario } from '../../bench.ts';
import { MEASURES_CPU } from '../../contestants.ts';
import { affinityOf, pin, unpin } from '../../machine.ts';
import { delay } from './delay.ts';
import { delivery } from './delivery.ts';
import { Receiver } from './receiver.ts';
import { subscriptions } from './subscriptions.ts';

export const webhooks: Scenario = {
  name: 'webhooks',
  title: 'CPU of a webhook, and the time until it arrives',
  async run(bench) {
    if (!MEASURES_CPU) {
      bench.leaveOut('webhooks', 'there is no /proc to read their CPU time');
      return [];
    }
    const cores = affinityOf(process.pid);
    pin(process.pid, bench.setting.pinning.generator);
    const receiver = await Receiver.open();
    try {
      return [
        ...(await delivery(bench, receiver)),
        ...(await subscriptions(bench, receiver, false)),
        ...(await subscriptions(bench, receiver, true)),
        ...(await delay(bench, receiver)),
      ];
    } finally {
      receiver.close();
      unpin(process.pid, cores);
    }
  },
};
