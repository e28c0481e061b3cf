import type { App } from '../core/app.ts';
import type { AppProvider } from '../core/ports/apps.ts';

/** Apps that are known from the start. */
export class StaticApps implements AppProvider {
  readonly #byId: ReadonlyMap<string, App>;
  readonly #byKey: ReadonlyMap<string, App>;

  constructor(apps: readonly App[]) {
    this.#byId = new Map(apps.map((app) => [app.id, app]));
    this.#byKey = new Map(apps.flatMap((app) => app.credentials.map(({ key }) => [key, app] as const)));
  }

  byId(id: string): Promise<App | undefined> {
    return Promise.resolve(this.#byId.get(id));
  }

  byKey(key: string): Promise<App | undefined> {
    return Promise.resolve(this.#byKey.get(key));
  }
}
