import type { App } from '../app.ts';

/** Finds applications. `undefined`: there is none. Rejects when the provider cannot be reached. */
export interface AppProvider {
  byKey(key: string): Promise<App | undefined>;
  byId(id: string): Promise<App | undefined>;
}
