import { isJsonObject, kindOf, type Member, parseJson, textOfField, textsOfItems } from '#protocol';
import type { ConnectionQuota, Occupancy } from '../../../core/ports/cluster.ts';
import { within } from '../../../core/util/time.ts';
import { memberIn } from '../frame.ts';
import type { UpstreamApi } from '../connection/upstream-api.ts';

interface UpstreamCountsDeps {
  readonly api: UpstreamApi;
  readonly waitMs: number;
  isConnected(): boolean;
  /** Sockets of this node's bridge on a channel there. */
  ownSubscriptions(channel: string): number;
  /** Other nodes whose bridges are connected there. */
  otherBridges(): number;
  /** Sockets there that this side counts itself, or that are nobody's: led ones, bridges and canaries of all nodes. */
  ownSockets(): number;
}

const count = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;

/**
 * SPEC 11.10: what the other side says of who is where, without the bridge. Nobody waits long for it, and who cannot be
 * asked knows nobody.
 */
export class UpstreamCounts {
  readonly #deps: UpstreamCountsDeps;

  constructor(deps: UpstreamCountsDeps) {
    this.#deps = deps;
  }

  async members(channel: string): Promise<readonly Member[]> {
    const text = await this.#getText(`/channels/${encodeURIComponent(channel)}/users`);
    const answer = parseJson(text);
    if (!isJsonObject(answer) || !Array.isArray(answer.users)) return [];
    return textsOfItems(textOfField(text, 'users') ?? '').flatMap((user) => memberIn(user, 'id') ?? []);
  }

  async occupancy(channel: string): Promise<Occupancy | undefined> {
    const info = kindOf(channel).members ? 'user_count' : 'subscription_count';
    const answer = await this.#get(`/channels/${encodeURIComponent(channel)}`, { info });
    return isJsonObject(answer) && answer.occupied === true ? this.#occupancyIn(channel, answer) : undefined;
  }

  /** Of `nodes` that have clients on a channel, how many other than this one are on it there by their bridges. */
  otherBridgesOn(channel: string, nodes: number): number {
    if (kindOf(channel).members) return 0;
    return Math.min(Math.max(0, nodes - this.#deps.ownSubscriptions(channel)), this.#deps.otherBridges());
  }

  async channels(prefix: string): Promise<ReadonlyMap<string, Occupancy>> {
    const filter = prefix === '' ? undefined : { filter_by_prefix: prefix };
    const all = await this.#get('/channels', { ...filter, info: 'user_count,subscription_count' });
    // Pusher itself refuses to count what does not apply to all of them.
    const answer = all ?? (await this.#get('/channels', filter));
    const named =
      isJsonObject(answer) && isJsonObject(answer.channels) ? Object.entries(answer.channels) : [];
    return new Map(
      named.map(([name, each]) => [name, this.#occupancyIn(name, isJsonObject(each) ? each : {})]),
    );
  }

  async connections(): Promise<number> {
    const answer = await this.#get('/connections');
    const connections = isJsonObject(answer) ? (count(answer.connections) ?? 0) : 0;
    return Math.max(0, connections - this.#deps.ownSockets());
  }

  /** Our members are members there: nobody is left out of their number of users. */
  #occupancyIn(channel: string, said: Readonly<Record<string, unknown>>): Occupancy {
    const users = count(said.user_count) ?? 0;
    const own = this.#deps.ownSubscriptions(channel);
    const subscriptions = count(said.subscription_count);
    if (subscriptions !== undefined) return { users, subscriptions: Math.max(0, subscriptions - own) };
    // Occupied, and by how many is not said: when the bridge is there, it may be by nobody else.
    return { users, subscriptions: own > 0 ? 0 : Math.max(1, users) };
  }

  async #get(path: string, query: Readonly<Record<string, string>> = {}): Promise<unknown> {
    return parseJson(await this.#getText(path, query));
  }

  /** '' when there is no answer. */
  async #getText(path: string, query: Readonly<Record<string, string>> = {}): Promise<string> {
    const { api: post, waitMs } = this.#deps;
    if (!this.#deps.isConnected()) return '';
    let answer = '';
    const asked = post.get(path, query).then((each = '') => (answer = each));
    await within(asked, waitMs);
    return answer;
  }
}

/** The quota is that of this side and of what it leads to the other one; the number of connections is that of both. */
export class BridgedConnectionQuota implements ConnectionQuota {
  readonly #inner: ConnectionQuota;
  readonly #upstreamCount: (app: string) => Promise<number>;

  constructor(inner: ConnectionQuota, elsewhere: (app: string) => Promise<number>) {
    this.#inner = inner;
    this.#upstreamCount = elsewhere;
  }

  admit(app: string, limit: number): Promise<boolean> {
    return this.#inner.admit(app, limit);
  }

  dismiss(app: string): void {
    this.#inner.dismiss(app);
  }

  async connections(app: string): Promise<number> {
    const [ours, theirs] = await Promise.all([this.#inner.connections(app), this.#upstreamCount(app)]);
    return ours + theirs;
  }
}
