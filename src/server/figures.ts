import { gauge, one } from '../core/figure.ts';
import type { Hub } from '../core/hub.ts';
import type { Figure } from '../core/ports.ts';

/** What of a node may be watched, whatever it is used for. */
export const serverFigures = (hub: Hub, isReady: () => boolean): Figure[] => [
  gauge('ready', '1 while new clients may be sent here.', [], () => one(Number(isReady()))),
  gauge('connections', 'Sockets that are established.', [], () => one(hub.size)),
];
