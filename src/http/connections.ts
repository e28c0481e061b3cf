import type { Api, ApiRequest } from './api.ts';

/** SPEC 8.10: every established socket, subscribed or not. */
export async function connections({ quota }: Api, { app }: ApiRequest): Promise<object> {
  return { connections: await quota.connections(app.id) };
}
