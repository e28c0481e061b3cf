import { counter, gauge, histogram, type Metric, type NumberMetric, scalar } from '../ports/metric.ts';
import type { Tally } from '../util/tally.ts';
import type { AppTraffic } from './app-traffic.ts';
import type { Traffic } from './traffic.ts';

type Kind = 'now' | 'total';

/** Metrics with one more label than the app: name, help, label, the counts by the label. */
const BY_LABEL: readonly (readonly [
  name: string,
  help: string,
  label: string,
  kind: Kind,
  of: (traffic: AppTraffic) => Tally,
])[] = [
  ['connections', 'Open client connections.', 'transport', 'now', (of) => of.connections],
  [
    'connections_opened_total',
    'Client connections that were accepted.',
    'transport',
    'total',
    (of) => of.opened,
  ],
  [
    'connections_closed_total',
    'Client connections that ended, by the cause.',
    'reason',
    'total',
    (of) => of.closed,
  ],
  [
    'connections_refused_total',
    'Client connections that were refused, by the code that the client got. App "unknown": no app has its key.',
    'code',
    'total',
    (of) => of.refused,
  ],
  ['channels', 'Channels with subscribers on this node, by kind.', 'kind', 'now', (of) => of.channels],
  [
    'subscriptions',
    'Subscriptions of clients of this node, by kind of channel.',
    'kind',
    'now',
    (of) => of.subscriptions,
  ],
  [
    'subscriptions_refused_total',
    'Subscriptions that were refused, by reason: those of wavehall_refusals_total.',
    'reason',
    'total',
    (of) => of.subscriptionsRefused,
  ],
  [
    'events_published_total',
    'Events that this node took, one for each channel of an event, by where they came from. "replayed": missed events that it read from the history.',
    'source',
    'total',
    (of) => of.published,
  ],
  [
    'resume_gaps_total',
    'Subscriptions of clients that came back and may have missed events that cannot be sent, by reason.',
    'reason',
    'total',
    (of) => of.gaps,
  ],
];

/** Counters with the app as their only label. */
const BY_APP: readonly (readonly [name: string, help: string, of: (traffic: AppTraffic) => number])[] = [
  [
    'deliveries_total',
    'Events written to subscribers: an event for 10 sockets counts 10.',
    (of) => of.deliveries,
  ],
  [
    'fan_out_seconds_total',
    "Time spent on writing events to subscribers: an app's share is its part of the sum of all apps.",
    (of) => of.fanOutMs / 1000,
  ],
  ['messages_received_total', 'Messages that clients sent.', (of) => of.messagesReceived],
  ['messages_sent_total', 'Messages sent to clients: deliveries and answers.', (of) => of.messagesSent],
  ['received_bytes_total', 'Bytes of the messages that clients sent.', (of) => of.bytesReceived],
  ['sent_bytes_total', 'Bytes of the frames sent to clients.', (of) => of.bytesSent],
  [
    'cache_hits_total',
    'Subscriptions to cache channels that were sent the last event.',
    (of) => of.cacheHits,
  ],
  ['cache_misses_total', 'Subscriptions to cache channels without a last event.', (of) => of.cacheMisses],
  [
    'resumed_subscriptions_total',
    'Subscriptions of clients that continued where they were.',
    (of) => of.resumed,
  ],
  [
    'requests_over_rate_total',
    'HTTP requests that were refused with 429: more than WAVEHALL_MAX_REQUESTS_PER_SECOND.',
    (of) => of.apiOverRate,
  ],
  [
    'repeated_publishes_total',
    'Publishes that came again with the same Idempotency-Key: what was published before was not published again.',
    (of) => of.apiRepeats,
  ],
  ['resumed_events_total', 'Missed events that were sent to clients that came back.', (of) => of.replayed],
];

const OMITTED: readonly (readonly [reason: string, of: (traffic: AppTraffic) => number])[] = [
  ['excluded', (of) => of.omittedExcluded],
  ['slow', (of) => of.omittedSlow],
  ['closing', (of) => of.omittedClosing],
];

/** Metrics of the traffic of each app. Apps beyond the first 100 are summed as "other". */
export const trafficMetrics = (traffic: Traffic): Metric[] => [
  ...BY_LABEL.map(([name, help, label, kind, of]) => {
    const values = () => labelled(traffic, of);
    const labels = ['app', label];
    return kind === 'now' ? gauge(name, help, labels, 'sum', values) : counter(name, help, labels, values);
  }),
  ...BY_APP.map(([name, help, of]) => counter(name, help, ['app'], () => byApp(traffic, of))),
  gauge(
    'waiting_bytes',
    "Bytes of events that are not yet written to all of their subscribers. At WAVEHALL_MAX_BACKLOG the app's publishers get 503.",
    ['app'],
    'sum',
    () => byApp(traffic, (of) => of.waitingBytes),
  ),
  counter(
    'deliveries_omitted_total',
    'Events that a subscriber was not sent: it is excluded as the sender (toOthers), reads too slowly for best-effort events, or is closing.',
    ['app', 'reason'],
    () => omitted(traffic),
  ),
  histogram(
    'delivery_duration_seconds',
    'Time from the request of an event until it is written to the last subscriber on the node that took it; a sample of up to 100 events a second.',
    [],
    () => scalar(traffic.latency.histogram),
  ),
];

type Values = ReturnType<NumberMetric['values']>;

function* labelled(traffic: Traffic, of: (traffic: AppTraffic) => Tally): Values {
  for (const [app, counts] of traffic.apps())
    for (const [name, count] of of(counts).entries()) yield [[app, name], count];
}

function* byApp(traffic: Traffic, of: (traffic: AppTraffic) => number): Values {
  for (const [app, counts] of traffic.apps()) yield [[app], of(counts)];
}

function* omitted(traffic: Traffic): Values {
  for (const [app, counts] of traffic.apps())
    for (const [reason, of] of OMITTED) yield [[app, reason], of(counts)];
}
