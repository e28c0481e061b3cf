import { randomUUID } from 'node:crypto';
import type { Channel, Options } from 'pusher-js';
import { resume } from '../../client/index.ts';
import { optionsFor, Pusher } from '../clients/stock-clients.ts';
import { APP } from '../support/app.ts';
import { channelAuth } from '../support/wire-http.ts';
import {
  type CheckerOptions,
  type Promised,
  type Published,
  SequenceChecker,
  type SequenceCounts,
  totalOf,
} from './sequence-checker.ts';

/** Event that clients check; its data is `{ n: number }`. */
export const NUMBERED_EVENT = 'numbered';

/** A class of its own, so that stock clients in the same process stay as they are. */
class ExactPusher extends Pusher {}
resume(ExactPusher);

const isSigned = (name: string): boolean => /^(private|presence)-/.test(name);
const isCached = (name: string): boolean => /(^|-)cache-/.test(name);

interface ClientOptions extends Pick<CheckerOptions, 'promised' | 'published' | 'keptMs' | 'wasRestarted'> {
  readonly name: string;
  readonly port: number;
}

/** A presence channel. */
interface WithMembers {
  readonly members: { readonly count: number };
}

/** A real pusher-js that checks what it receives: with the client file, or with the id of a tab and nothing else. */
export class NumberedClient {
  readonly name: string;
  readonly promised: Promised;
  readonly pusher: Pusher;
  /** Connections that were established, without the first. */
  reconnects = 0;
  connectedAtMs = 0;
  readonly gapReasons: string[] = [];
  /** Join and leave news of other members, after the roster. */
  memberChanges = 0;
  /** Longest time from the loss of a connection until all channels were subscribed again. */
  longestAwayMs = 0;
  readonly #checkers = new Map<string, SequenceChecker>();
  readonly #subscribed = new Set<string>();
  readonly #published: Published;
  readonly #expected: Pick<CheckerOptions, 'keptMs' | 'wasRestarted'>;
  #awaySinceMs: number | undefined;

  constructor({ name, promised, port, published, keptMs, wasRestarted }: ClientOptions) {
    this.#expected = { keptMs, wasRestarted };
    this.name = name;
    this.promised = promised;
    this.#published = published;
    const options: Options = { ...optionsFor({ host: '127.0.0.1', port }), ...authorization(name) };
    this.pusher =
      promised === 'exact'
        ? new ExactPusher(APP.key, options)
        : new Pusher(APP.key, { ...options, wsPath: `/app/t/${randomUUID()}` });
    let connections = 0;
    this.pusher.connection.bind('connected', () => {
      this.reconnects = connections++;
      this.connectedAtMs = performance.now();
    });
    this.pusher.connection.bind('state_change', ({ current }: { current: string }) => {
      if (current !== 'connected') this.lost(true);
    });
  }

  get isConnected(): boolean {
    return this.pusher.connection.state === 'connected';
  }

  /** True when every channel is subscribed on the present connection. */
  get isSubscribed(): boolean {
    return this.isConnected && this.#subscribed.size === this.#checkers.size;
  }

  /** Members of a presence channel, as this client knows them. */
  membersOf(name: string): number {
    return (this.pusher.channel(name) as Channel & WithMembers).members.count;
  }

  /** True when the last event of each channel has arrived. */
  get isUpToDate(): boolean {
    return [...this.#checkers].every(([channel, { newest }]) => newest >= this.#published.last(channel));
  }

  subscribe(names: readonly string[]): void {
    for (const name of names) this.#follow(this.pusher.subscribe(name), name);
  }

  /** The connection is lost. `isSeen`: the server is told. */
  lost(isSeen: boolean): void {
    this.#subscribed.clear();
    this.#awaySinceMs ??= performance.now();
    for (const checker of this.#checkers.values()) checker.cut(performance.now(), isSeen);
  }

  /** Events that arrived so far. */
  get received(): number {
    return [...this.#checkers.values()].reduce((sum, { counts }) => sum + counts.received, 0);
  }

  /** The first violations, in words. */
  get examples(): string[] {
    return [...this.#checkers.values()].flatMap(({ examples }) =>
      examples.map((each) => `${this.name}: ${each}`),
    );
  }

  finish(): SequenceCounts {
    this.pusher.disconnect();
    return totalOf([...this.#checkers.values()].map((checker) => checker.finish()));
  }

  #follow(channel: Channel, name: string): void {
    const { promised } = this;
    const checker = new SequenceChecker({
      promised,
      channel: name,
      published: this.#published,
      ...this.#expected,
    });
    this.#checkers.set(name, checker);
    channel.bind('pusher:subscription_succeeded', () => {
      this.#subscribed.add(name);
      const awayMs = performance.now() - (this.#awaySinceMs ?? Infinity);
      checker.subscribed(awayMs);
      if (!this.isSubscribed) return;
      if (this.#awaySinceMs !== undefined) this.longestAwayMs = Math.max(this.longestAwayMs, awayMs);
      this.#awaySinceMs = undefined;
    });
    channel.bind('wavehall:gap', ({ reason, missing }: { reason: string; missing?: number }) => {
      this.gapReasons.push(reason);
      checker.told(missing);
    });
    channel.bind(NUMBERED_EVENT, ({ n }: { n: number }) => checker.received(n, performance.now()));
    for (const change of ['added', 'removed'])
      channel.bind(`pusher:member_${change}`, () => (this.memberChanges += 1));
    if (isCached(name)) channel.bind('pusher:cache_miss', () => undefined);
  }
}

/** Signs each subscription at once, as the user of this name. */
const authorization = (user: string): Pick<Options, 'channelAuthorization'> => ({
  channelAuthorization: {
    transport: 'ajax',
    endpoint: '',
    customHandler: ({ socketId, channelName }, callback) => {
      const member = JSON.stringify({ user_id: user, user_info: {} });
      const data = channelName.startsWith('presence-') ? member : undefined;
      const auth = isSigned(channelName) ? channelAuth(APP, socketId, channelName, data) : '';
      callback(null, { auth, ...(data !== undefined && { channel_data: data }) });
    },
  },
});
