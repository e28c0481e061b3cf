import { isJsonObject, kindOf, type Member, parseJson, textOfField, textsOfItems } from '#protocol';
import type { Occupancy } from '../../../core/ports/membership.ts';
import { within } from '../../../core/util/time.ts';
import type { UpstreamRequests } from '../ports/requests.ts';
import { memberIn } from './member-frames.ts';

interface UpstreamCountsDeps {
  readonly api: UpstreamRequests;
  readonly waitMs: number;
  isConnected(): boolean;
  /** Connections of this node's bridge that are subscribed to a channel at the upstream. */
  ownSubscriptions(channel: string): number;
  /** Number of other nodes whose bridges are connected. */
  otherBridges(): number;
  /** Connections to the upstream that are not clients of its own: proxied ones, bridges and canaries of all nodes. */
  ownSockets(): number;
}

const count = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;

/**
 * SPEC 11.10: members and counts at the upstream, by its HTTP API, without the bridge's own connections. Each call ends
 * after `waitMs`; without an answer the upstream counts as empty.
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

  /** Of `nodes` that have clients on a channel, how many others are subscribed to it at the upstream by their bridges. */
  otherBridgesOn(channel: string, nodes: number): number {
    if (kindOf(channel).members) return 0;
    return Math.min(Math.max(0, nodes - this.#deps.ownSubscriptions(channel)), this.#deps.otherBridges());
  }

  async channels(prefix: string): Promise<ReadonlyMap<string, Occupancy>> {
    const filter = prefix === '' ? undefined : { filter_by_prefix: prefix };
    const all = await this.#get('/channels', { ...filter, info: 'user_count,subscription_count' });
    // Pusher refuses `info` that does not apply to all channels.
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

  /** Users are not subtracted: this side's members are members at the upstream, too. */
  #occupancyIn(channel: string, answer: Readonly<Record<string, unknown>>): Occupancy {
    const users = count(answer.user_count) ?? 0;
    const own = this.#deps.ownSubscriptions(channel);
    const subscriptions = count(answer.subscription_count);
    if (subscriptions !== undefined) return { users, subscriptions: Math.max(0, subscriptions - own) };
    // Occupied, but without a count: when the bridge is subscribed, it may be the only one.
    return { users, subscriptions: own > 0 ? 0 : Math.max(1, users) };
  }

  async #get(path: string, query: Readonly<Record<string, string>> = {}): Promise<unknown> {
    return parseJson(await this.#getText(path, query));
  }

  /** '' without an answer in time. */
  async #getText(path: string, query: Readonly<Record<string, string>> = {}): Promise<string> {
    const { api, waitMs } = this.#deps;
    if (!this.#deps.isConnected()) return '';
    let answer = '';
    const asked = api.get(path, query).then((each = '') => (answer = each));
    await within(asked, waitMs);
    return answer;
  }
}
