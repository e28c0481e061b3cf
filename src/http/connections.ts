import type { Api, Call } from './api.ts';

/** SPEC 8.10: every established socket, subscribed or not. */
export async function connections({ quota }: Api, { app }: Call): Promise<object> {
  return { connections: await quota.connections(app.id) };
}
