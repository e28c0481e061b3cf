import type { Api, ApiRequest } from './api.ts';

/** `GET /connections` (SPEC 8.10): the number of established sockets, subscribed or not. */
export async function connections({ quota }: Api, { app }: ApiRequest): Promise<object> {
  return { connections: await quota.connections(app.id) };
}
