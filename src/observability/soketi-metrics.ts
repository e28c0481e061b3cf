import { type NumberMetric, scalar } from '../core/ports/metric.ts';
import type { AppTraffic } from '../core/traffic/app-traffic.ts';
import type { Traffic } from '../core/traffic/traffic.ts';
import type { Tally } from '../core/util/tally.ts';

/** Servers whose names of metrics can be served too; Sockudo has soketi's names with a prefix of its own. */
export const COMPATIBLE_SERVERS = ['soketi', 'sockudo'] as const;
export type CompatibleServer = (typeof COMPATIBLE_SERVERS)[number];

const total = (tally: Tally): number => [...tally.entries()].reduce((sum, [, count]) => sum + count, 0);

/** Names without the prefix, as soketi 1.6 has them; some of its counters do not end in `_total`. */
const METRICS: readonly (readonly [
  kind: NumberMetric['kind'],
  name: string,
  help: string,
  of: (traffic: AppTraffic) => number,
])[] = [
  ['gauge', 'connected', 'Open client connections.', (of) => total(of.connections)],
  ['counter', 'new_connections_total', 'Client connections that were accepted.', (of) => total(of.opened)],
  ['counter', 'new_disconnections_total', 'Client connections that ended.', (of) => total(of.closed)],
  ['counter', 'socket_received_bytes', 'Bytes of the messages that clients sent.', (of) => of.bytesReceived],
  ['counter', 'socket_transmitted_bytes', 'Bytes of the frames sent to clients.', (of) => of.bytesSent],
  ['counter', 'ws_messages_received_total', 'Messages that clients sent.', (of) => of.messagesReceived],
  ['counter', 'ws_messages_sent_total', 'Messages sent to clients.', (of) => of.messagesSent],
  ['counter', 'http_received_bytes', 'Bytes of the bodies of API requests.', (of) => of.apiBytesReceived],
  ['counter', 'http_transmitted_bytes', 'Bytes of the answers to API requests.', (of) => of.apiBytesSent],
  [
    'counter',
    'http_calls_received_total',
    'Signed API requests that were answered with 200.',
    (of) => of.apiRequests,
  ],
];

/** Metrics of each app under the names of another server, so that its boards and panels show this one (WAVEHALL_METRICS_COMPAT). */
export const soketiMetrics = (server: CompatibleServer, traffic: Traffic, port: number): NumberMetric[] => [
  ...METRICS.map(([kind, name, help, of]) => ({
    kind,
    name: `${server}_${name}`,
    help,
    labels: ['app_id', 'port'],
    acrossWorkers: 'sum' as const,
    values: () => [...traffic.apps()].map(([app, counts]) => [[app, String(port)], of(counts)] as const),
  })),
  {
    kind: 'gauge',
    name: `${server}_process_start_time_seconds`,
    help: 'Unix time at which the process started.',
    labels: [],
    acrossWorkers: 'min',
    values: () => scalar(Date.now() / 1000 - process.uptime()),
  },
  {
    kind: 'gauge',
    name: `${server}_process_resident_memory_bytes`,
    help: 'Memory of the process.',
    labels: [],
    acrossWorkers: 'sum',
    values: () => scalar(process.memoryUsage.rss()),
  },
];
