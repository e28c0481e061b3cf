import type { FastifyInstance } from 'fastify';
import { refuseOtherMethods } from './methods.ts';

/** The metrics as Prometheus reads them. */
export interface MetricsText {
  readonly contentType: string;
  text(): Promise<string>;
}

/** Serves `/metrics` to everyone who reaches the port (SPEC 8.13). */
export function registerMetrics(server: FastifyInstance, metrics: MetricsText): void {
  refuseOtherMethods(server, '/metrics', 'GET', 'HEAD');
  server.get('/metrics', async (_, reply) => reply.type(metrics.contentType).send(await metrics.text()));
}
