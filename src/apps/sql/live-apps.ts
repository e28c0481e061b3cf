import type { App } from '../../core/app.ts';
import type { AppChange, Apps } from '../../core/ports/apps.ts';
import { Unavailable } from '../../core/ports/failures.ts';
import { appsByKey } from '../by-key.ts';

/** Apps that are replaced as a whole, each time that they were read. */
export class LiveApps implements Apps {
  #all: readonly App[] = [];
  #byId: ReadonlyMap<string, App> = new Map();
  #byKey: ReadonlyMap<string, App> = new Map();
  #isKnown = false;
  readonly #listeners: ((changes: readonly AppChange[]) => void)[] = [];

  get isKnown(): boolean {
    return this.#isKnown;
  }

  get all(): readonly App[] {
    return this.#all;
  }

  get(id: string): App | undefined {
    return this.#byId.get(id);
  }

  byId(id: string): Promise<App | undefined> {
    return this.#isKnown ? Promise.resolve(this.#byId.get(id)) : unknown();
  }

  byKey(key: string): Promise<App | undefined> {
    return this.#isKnown ? Promise.resolve(this.#byKey.get(key)) : unknown();
  }

  onChange(listener: (changes: readonly AppChange[]) => void): void {
    this.#listeners.push(listener);
  }

  /** Takes these apps from now on. An app that is the same object has not changed. */
  replace(apps: readonly App[]): void {
    const before = this.#byId;
    const byId = new Map(apps.map((app) => [app.id, app]));
    const changes = [
      ...apps
        .map((after) => ({ before: before.get(after.id), after }))
        .filter((change) => change.before !== change.after),
      ...[...before.values()]
        .filter(({ id }) => !byId.has(id))
        .map((gone) => ({ before: gone, after: undefined })),
    ];
    this.#isKnown = true;
    if (changes.length === 0) return;
    this.#all = apps;
    this.#byId = byId;
    this.#byKey = appsByKey(apps);
    for (const listener of this.#listeners) listener(changes);
  }
}

const unknown = (): Promise<never> => Promise.reject(new Unavailable('The apps were not read yet.'));
