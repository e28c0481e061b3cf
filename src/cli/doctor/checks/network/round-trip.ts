import type { Context } from '../../context.ts';
import { refusalIn } from '../../../../cutover/probe/probe-frame.ts';
import { type Finding, ok, problem, skipped } from '../../report/finding.ts';

/** Checks that the event that was published reached the browser. */
export async function checkRoundTrip({ network, options }: Context): Promise<Finding[]> {
  const { publish, public: url } = network.options;
  const { subscribed, published, isReceived } = await network.roundTrip();
  const isSubscribed = subscribed !== undefined && subscribed !== null && refusalIn(subscribed) === undefined;
  const isPublished = published?.kind === 'answer' && published.problem === undefined;
  if (!isSubscribed || !isPublished)
    return [
      skipped('round-trip', 'the event was not published, or the browser is not on the channel: see above'),
    ];
  if (isReceived) return [ok('round-trip', 'an event that Laravel publishes reaches a browser')];
  return [
    problem(
      'event-not-received',
      `${publish?.href ?? ''} took an event, and a browser at ${url?.href.replace(/^http/, 'ws') ?? ''} did not get it within ${options.timeoutMs / 1000} s: are these two servers, or nodes without Redis?`,
      { line: 'REVERB_SCALING_ENABLED=true' },
    ),
  ];
}
