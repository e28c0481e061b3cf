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

/** Hashes id, key and secret together; the secret cannot be recovered from it. */
const digestOf = (id: string, key: string, secret: string): string =>
  createHmac('sha256', secret)
    .update(JSON.stringify(['wavehall', id, key]))
    .digest('base64url')
    .slice(0, 20);

const digestsOf = ({ id, credentials }: AppIdentity): string[] =>
  credentials.map(({ key, secret }) => digestOf(id, key, secret));

/** Lists each app with its digests, and the installation with those of all apps. */
function groupsOf(apps: readonly AppIdentity[]): [name: string, digests: readonly string[]][] {
  const each = apps.map((app): [string, string[]] => [app.id, digestsOf(app)]);
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
  readonly #groups: readonly (readonly [name: string, digests: readonly string[]])[];
  #isResolved = false;
  readonly #warned = new Set<string>();

  constructor(deps: { links: Links; keys: Keys; logger: Logger; apps: readonly AppIdentity[] }) {
    this.#links = deps.links;
    this.#keys = deps.keys;
    this.#logger = deps.logger;
    this.#groups = groupsOf(deps.apps);
  }

  /** Takes the scopes that Redis has stored. True when names that were in use have changed by it. Rejects with `Unavailable`. */
  async resolveScopes(): Promise<boolean> {
    if (this.#groups.length === 0) return false;
    const answer = (await runScript(
      this.#links.commands,
      'resolve-scopes',
      [this.#keys.scopes()],
      [FORGOTTEN_AFTER_SECONDS, this.#groups.length, ...this.#args()],
    )) as (string | number)[];
    const scopes = new Map(this.#groups.map(([name], at) => [name, String(answer[at * 2])]));
    this.#groups.forEach(([name], at) => {
      if (answer[at * 2 + 1] === 1) this.warnOfOther(name);
    });
    if (Number(answer[this.#groups.length * 2]) > 0)
      this.#links.commands.emit(KEY_REPAIRED, this.#keys.scopes());
    const wasResolved = this.#isResolved;
    this.#isResolved = true;
    return this.#keys.useScopes(scopes) && wasResolved;
  }

  /** Logs once for each app that another installation with an app of this id uses the same database. */
  warnOfOther(app: string): void {
    if (app === WHOLE_INSTALLATION || this.#warned.has(app) || !this.#groups.some(([name]) => name === app))
      return;
    this.#warned.add(app);
    this.#logger.warn(
      'Another installation uses this Redis database with the same app id but other credentials: the two exchange nothing. If they belong together, give both the same key and secret; if not, give one of them another REDIS_DB or WAVEHALL_REDIS_PREFIX',
      { app },
    );
  }

  #args(): (string | number)[] {
    return this.#groups.flatMap(([name, digests]) => [
      name,
      this.#isResolved ? this.#keys.scopeOf(name) : '',
      digests.length,
      ...digests,
    ]);
  }
}
