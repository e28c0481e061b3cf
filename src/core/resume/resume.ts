import type { Position, ResumeRequest } from '#protocol';
import type { Connection, Subscription } from '../client/connection.ts';
import type { CachedEvent, ChannelRef, History } from '../ports/events.ts';
import type { ResumePoint } from '../ports/tab-store.ts';
import { newestSockets } from './earlier-sockets.ts';
import type { SentPosition } from './positions.ts';
import { Replay } from './replay.ts';
import { Tabs, type TabsDeps } from './tabs.ts';

export interface ResumeDeps extends TabsDeps {
  readonly hub: TabsDeps['hub'] & {
    startPosition(subscription: Subscription): Position | undefined;
    hasBegun(ref: ChannelRef, sent?: Position): Promise<boolean>;
  };
  readonly history: History;
  readonly outbound: { readonly softBytes: number };
  /** True: events of channels may pass that are in no history (those of an upstream, SPEC 13.1), so that no gap can be excluded. */
  readonly isHistoryPartial: boolean;
}

/** Missed events for clients that were away (SPEC 13). */
export class Resume {
  readonly tabs: Tabs;
  readonly #deps: ResumeDeps;
  readonly #replay: Replay;

  constructor(deps: ResumeDeps) {
    this.#deps = deps;
    this.tabs = new Tabs(deps);
    this.#replay = new Replay({ ...deps, softBytes: deps.outbound.softBytes });
  }

  /** Where a client continues on a channel: what it asks for (SPEC 13.7), or what its tab has kept; `undefined`: it begins. */
  async pointOf(
    connection: Connection,
    channel: string,
    request: ResumeRequest | undefined,
  ): Promise<ResumePoint | undefined> {
    await connection.tab?.ready;
    if (request === undefined) return connection.tab?.pointOf(channel);
    connection.askForPositions();
    if (request.sockets.length > 0)
      connection.earlierSocketIds = newestSockets([...connection.earlierSocketIds, ...request.sockets]);
    const { position, awaySeconds } = request;
    if (position === undefined) return connection.tab?.pointOf(channel);
    const atMs = this.#deps.clock() - awaySeconds * 1000;
    const isKnown = position !== 'unreadable' && !this.#deps.isHistoryPartial;
    return { position: isKnown ? position : undefined, atMs, isFresh: false };
  }

  /** Where a new subscriber begins, whose events are held. */
  beginning(subscription: Subscription): ResumePoint {
    const { hub, clock } = this.#deps;
    return { position: hub.startPosition(subscription), atMs: clock(), isFresh: true };
  }

  /** SPEC 13.5. `cached`: what a new subscriber of a cache channel would get. Resolves with the position up to which the client has all. */
  replay(
    subscription: Subscription,
    point: ResumePoint,
    cached: { readonly event: CachedEvent | undefined } | undefined,
  ): Promise<SentPosition | undefined> {
    return this.#replay.run(subscription, point, cached);
  }
}
