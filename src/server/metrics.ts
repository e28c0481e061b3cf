import { gauge, one } from '../core/ports/metric.ts';
import type { Hub } from '../core/channels/hub.ts';
import type { Metric } from '../core/ports/metric.ts';
import type { Siblings } from './siblings.ts';

/** What of a node may be watched, whatever it is used for. */
export const serverMetrics = (hub: Hub, isReady: () => boolean): Metric[] => [
  gauge('ready', '1 while new clients may be sent here.', [], () => one(Number(isReady()))),
  gauge('connections', 'Sockets that are established.', [], () => one(hub.size)),
];

/** Each counts as one, and the figures of all are added up: where the two differ, somebody's are missing. */
export const workerMetrics = ({ count }: Siblings): Metric[] => [
  gauge('workers', 'Workers whose figures these are.', [], () => one(1)),
  gauge('workers_wanted', 'Workers that there should be.', [], () => one(count)),
];
