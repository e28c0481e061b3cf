import type { FastifyInstance } from 'fastify';
import { refuseOtherMethods } from './methods.ts';

/** The metrics as Prometheus reads them. */
export interface MetricsText {
  readonly contentType: string;
  text(): Promise<string>;
}

/** Memory of the heap in bytes; `percent` from 0 to 100. */
export interface MemoryUsage {
  readonly free: number;
  readonly used: number;
  readonly total: number;
  readonly percent: number;
}

export interface ServedMetrics extends MetricsText {
  /** Served as `/usage`, as soketi does, if given. */
  readonly memory?: (() => Promise<MemoryUsage>) | undefined;
}

/** Serves `/metrics` to everyone who reaches the port (SPEC 8.13). */
export function registerMetrics(server: FastifyInstance, metrics: ServedMetrics): void {
  refuseOtherMethods(server, '/metrics', 'GET', 'HEAD');
  server.get('/metrics', async (_, reply) => reply.type(metrics.contentType).send(await metrics.text()));
  const { memory } = metrics;
  if (memory === undefined) return;
  refuseOtherMethods(server, '/usage', 'GET', 'HEAD');
  server.get('/usage', async () => ({ memory: await memory() }));
}
