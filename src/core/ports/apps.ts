import type { App } from '../app.ts';

/** Finds applications. Absence is `undefined`; a rejection means that the provider is out of reach. */
export interface AppProvider {
  byKey(key: string): Promise<App | undefined>;
  byId(id: string): Promise<App | undefined>;
}
