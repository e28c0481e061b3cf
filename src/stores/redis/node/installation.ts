import { createHmac } from 'node:crypto';
import type { Logger } from '../../../core/ports/logger.ts';
import type { Keys } from '../keys.ts';
import type { Links } from '../link/links.ts';
import type { AppIdentity } from '../options.ts';
import { KEY_REPAIRED, runScript } from '../link/scripts.ts';

/** Name of the installation as a whole, for data that belongs to no app; no app has an empty id. */
const WHOLE_INSTALLATION = '';

/** Time after which a credential that no node uses is forgotten. */
const FORGOTTEN_AFTER_SECONDS = 90 * 24 * 3600;

/** Apps from which on their credentials are written again only now and then: far within a minute, which the script allows. */
const MANY_APPS = 100;
const MANY_REFRESHED_MS = 15_000;

/** Hashes id, key and secret together; the secret cannot be recovered from it. */
const digestOf = (id: string, key: string, secret: string): string =>
  createHmac('sha256', secret)
    .update(JSON.stringify(['wavehall', id, key]))
    .digest('base64url')
    .slice(0, 20);

/** An app is the same object until it changes. */
const digestsOfApps = new WeakMap<AppIdentity, readonly string[]>();

function digestsOf(app: AppIdentity): readonly string[] {
  const known = digestsOfApps.get(app);
  if (known !== undefined) return known;
  const digests = app.credentials.map(({ key, secret }) => digestOf(app.id, key, secret));
  digestsOfApps.set(app, digests);
  return digests;
}

type Group = readonly [name: string, digests: readonly string[]];

/** Lists each app with its digests, and the installation with those of all apps. */
function groupsOf(apps: readonly AppIdentity[]): Group[] {
  const each = apps.map((app): Group => [app.id, digestsOf(app)]);
  const all = each.flatMap(([, digests]) => digests.map((digest) => `all-${digest}`));
  return all.length === 0 ? [] : [...each, [WHOLE_INSTALLATION, all]];
}

/** Scopes of apps that Redis has not stored yet: the digest of the oldest credential. */
export const firstScopes = (apps: readonly AppIdentity[]): Map<string, string> =>
  new Map(groupsOf(apps).map(([name, digests]) => [name, digests.at(-1) ?? '']));

/**
 * Separates installations that share a Redis. Every name that belongs to an app contains a scope: a digest of one of the
 * app's credentials. Redis stores which one. A node with any credential of an installation belongs to it, so that nodes with
 * [old], [new, old] and [new] credentials exchange events while credentials are rotated, and nodes with others never do.
 */
export class Installation {
  readonly #links: Links;
  readonly #keys: Keys;
  readonly #logger: Logger;
  readonly #apps: () => readonly AppIdentity[];
  #isResolved = false;
  /** The apps that were resolved last, and when. */
  #resolved: { readonly apps: readonly AppIdentity[]; readonly atMs: number } | undefined;
  readonly #warned = new Set<string>();

  /** `apps`: those of now, the same list until one changes. */
  constructor(deps: { links: Links; keys: Keys; logger: Logger; apps: () => readonly AppIdentity[] }) {
    this.#links = deps.links;
    this.#keys = deps.keys;
    this.#logger = deps.logger;
    this.#apps = deps.apps;
  }

  /** Takes the scopes that Redis has stored. True when names that were in use have changed by it. Rejects with `Unavailable`. */
  async resolveScopes(): Promise<boolean> {
    const apps = this.#apps();
    if (apps.length === 0) return false;
    const scopes = await this.#ask(apps);
    const wasResolved = this.#isResolved;
    this.#isResolved = true;
    this.#resolved = { apps, atMs: performance.now() };
    return this.#keys.useScopes(scopes) && wasResolved;
  }

  /** As `resolveScopes`, called with each beat: very many apps that have not changed are not written with each of them. */
  async refreshScopes(): Promise<boolean> {
    const apps = this.#apps();
    const last = this.#resolved?.apps === apps ? this.#resolved.atMs : -Infinity;
    const isRecent = apps.length > MANY_APPS && performance.now() - last < MANY_REFRESHED_MS;
    return isRecent ? false : this.resolveScopes();
  }

  /**
   * Gives apps that are new the scope that Redis has stored, before they are used, so that no name changes while it is in use. Never
   * rejects: without Redis they get the scope that they would have as the first ones.
   */
  async prepare(apps: readonly AppIdentity[]): Promise<void> {
    if (apps.length === 0) return;
    const scopes = await this.#ask(apps).catch(() => firstScopes(apps));
    this.#keys.addScopes(scopes);
  }

  async #ask(apps: readonly AppIdentity[]): Promise<ReadonlyMap<string, string>> {
    const groups = groupsOf(apps);
    const answer = (await runScript(
      this.#links.commands,
      'resolve-scopes',
      [this.#keys.scopes()],
      [FORGOTTEN_AFTER_SECONDS, groups.length, ...this.#args(groups)],
    )) as (string | number)[];
    groups.forEach(([name], at) => {
      if (answer[at * 2 + 1] === 1) this.warnOfOther(name);
    });
    if (Number(answer[groups.length * 2]) > 0) this.#links.commands.emit(KEY_REPAIRED, this.#keys.scopes());
    return new Map(groups.map(([name], at) => [name, String(answer[at * 2])]));
  }

  /** Logs once for each app that another installation with an app of this id uses the same database. */
  warnOfOther(app: string): void {
    if (app === WHOLE_INSTALLATION || this.#warned.has(app) || !this.#apps().some(({ id }) => id === app))
      return;
    this.#warned.add(app);
    this.#logger.warn(
      'Another installation uses this Redis database with the same app id but other credentials: the two exchange nothing. If they belong together, give both the same key and secret; if not, give one of them another REDIS_DB or WAVEHALL_REDIS_PREFIX',
      { app },
    );
  }

  #args(groups: readonly Group[]): (string | number)[] {
    return groups.flatMap(([name, digests]) => [
      name,
      this.#isResolved ? this.#keys.scopeOf(name) : '',
      digests.length,
      ...digests,
    ]);
  }
}
