import { createHmac } from 'node:crypto';
import type { Logger } from '../../../core/ports/logger.ts';
import type { Keys } from '../keys.ts';
import type { Links } from '../link/links.ts';
import type { AppIdentity } from '../options.ts';
import { KEY_MENDED, run } from '../link/scripts.ts';

/** The installation as a whole, for what belongs to no app; no app has an empty id. */
const WHOLE = '';

/** A credential that no node has named for so long is forgotten. */
const FORGOTTEN_AFTER_SECONDS = 90 * 24 * 3600;

/** Of id, key and secret together; nobody learns the secret from it. */
const digestOf = (id: string, key: string, secret: string): string =>
  createHmac('sha256', secret)
    .update(JSON.stringify(['wavehall', id, key]))
    .digest('base64url')
    .slice(0, 20);

const digestsOf = ({ id, credentials }: AppIdentity): string[] =>
  credentials.map(({ key, secret }) => digestOf(id, key, secret));

/** Each app with its digests, and the installation with those of all apps. */
function groupsOf(apps: readonly AppIdentity[]): [name: string, digests: readonly string[]][] {
  const each = apps.map((app): [string, string[]] => [app.id, digestsOf(app)]);
  const all = each.flatMap(([, digests]) => digests.map((digest) => `all-${digest}`));
  return all.length === 0 ? [] : [...each, [WHOLE, all]];
}

/** The scopes of apps that nobody has named to Redis before: the digest of the oldest credential. */
export const firstScopes = (apps: readonly AppIdentity[]): Map<string, string> =>
  new Map(groupsOf(apps).map(([name, digests]) => [name, digests.at(-1) ?? '']));

/**
 * Keeps installations that share a Redis apart. Every name that belongs to an app carries a scope: a digest of one of the
 * app's credentials. Which one is settled in Redis: who holds any credential of an installation belongs to it, so that
 * nodes with [old], [new, old] and [new] credentials hear each other, and nodes with others never do.
 */
export class Installation {
  readonly #links: Links;
  readonly #keys: Keys;
  readonly #logger: Logger;
  readonly #groups: readonly (readonly [name: string, digests: readonly string[]])[];
  #isSettled = false;
  readonly #mentioned = new Set<string>();

  constructor(needs: { links: Links; keys: Keys; logger: Logger; apps: readonly AppIdentity[] }) {
    this.#links = needs.links;
    this.#keys = needs.keys;
    this.#logger = needs.logger;
    this.#groups = groupsOf(needs.apps);
  }

  /** Takes over what Redis says. True when names that were in use have changed by it. Rejects with `Unavailable`. */
  async settle(): Promise<boolean> {
    if (this.#groups.length === 0) return false;
    const answer = (await run(
      this.#links.commands,
      'identify',
      [this.#keys.scopes()],
      [FORGOTTEN_AFTER_SECONDS, this.#groups.length, ...this.#args()],
    )) as (string | number)[];
    const scopes = new Map(this.#groups.map(([name], at) => [name, String(answer[at * 2])]));
    this.#groups.forEach(([name], at) => {
      if (answer[at * 2 + 1] === 1) this.mentionOther(name);
    });
    if (Number(answer[this.#groups.length * 2]) > 0)
      this.#links.commands.emit(KEY_MENDED, this.#keys.scopes());
    const wasSettled = this.#isSettled;
    this.#isSettled = true;
    return this.#keys.rename(scopes) && wasSettled;
  }

  /** Another installation with an app of this id uses the same database. Said once for each app. */
  mentionOther(app: string): void {
    if (app === WHOLE || this.#mentioned.has(app) || !this.#groups.some(([name]) => name === app)) return;
    this.#mentioned.add(app);
    this.#logger.warn(
      'Another installation uses this Redis database with the same app id and other credentials: the two do not hear each other. If they are meant to be one, give both the same key and secret; if not, another REDIS_DB or WAVEHALL_REDIS_PREFIX keeps them tidier',
      { app },
    );
  }

  #args(): (string | number)[] {
    return this.#groups.flatMap(([name, digests]) => [
      name,
      this.#isSettled ? this.#keys.scopeOf(name) : '',
      digests.length,
      ...digests,
    ]);
  }
}
