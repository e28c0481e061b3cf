import { gauge, type Metric, scalar } from '../../core/ports/metric.ts';

/** State of a shutdown, as its metrics show it. */
export interface DrainState {
  readonly begun: boolean;
  /** Sockets that are still to be closed. */
  readonly socketsLeft: number;
}

/** Metrics of a shutdown; several processes behind one port stop together, or are replaced one by one. */
export const drainMetrics = (shutdown: DrainState): Metric[] => [
  gauge(
    'draining',
    'Processes that are stopping: their clients are asked to reconnect, spread over WAVEHALL_DRAIN_SECONDS.',
    [],
    'sum',
    () => scalar(Number(shutdown.begun)),
  ),
  gauge(
    'drain_sockets_left',
    'Sockets that a shutdown has still to close; 0 when none is under way.',
    [],
    'sum',
    () => scalar(shutdown.socketsLeft),
  ),
];
