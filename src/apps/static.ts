import type { App } from '../core/app.ts';
import type { Apps } from '../core/ports/apps.ts';
import { ignore } from '../core/util/ignore.ts';
import { appsByKey } from './by-key.ts';

/** Apps that are known from the start and never change. */
export class StaticApps implements Apps {
  readonly isKnown = true;
  readonly all: readonly App[];
  readonly onChange = ignore;
  readonly #byId: ReadonlyMap<string, App>;
  readonly #byKey: ReadonlyMap<string, App>;

  constructor(apps: readonly App[]) {
    this.all = apps;
    this.#byId = new Map(apps.map((app) => [app.id, app]));
    this.#byKey = appsByKey(apps);
  }

  byId(id: string): Promise<App | undefined> {
    return Promise.resolve(this.get(id));
  }

  byKey(key: string): Promise<App | undefined> {
    return Promise.resolve(this.#byKey.get(key));
  }

  get(id: string): App | undefined {
    return this.#byId.get(id);
  }
}
