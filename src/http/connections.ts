import type { Api, Call } from './api.ts';

/** SPEC 8.10: every established socket, subscribed or not. */
export async function connections({ lease }: Api, { app }: Call): Promise<object> {
  return { connections: await lease.connections(app.id) };
}
