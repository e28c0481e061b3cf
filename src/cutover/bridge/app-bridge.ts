import { kindOf } from '#protocol';
import type { App } from '../../core/app.ts';
import type { Broker, ChannelRef, Deliver } from '../../core/ports/cluster.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { BridgeState, HealthSink, Upstream } from '../ports.ts';
import { UpstreamCounts } from './presence/upstream-counts.ts';
import { WarningLog } from './warning-log.ts';
import { Dispatch } from './outgoing/dispatch.ts';
import { Echoes, type Hearing } from './echo/echoes.ts';
import type { BridgeLimits } from './limits.ts';
import { MainConnection } from './connection/main-connection.ts';
import { NodeNotes } from './echo/node-notes.ts';
import { UpstreamApi } from './connection/upstream-api.ts';
import { Presence } from './presence/presence.ts';
import { type MemberEars, Reception } from './reception.ts';
import { BridgeCounters } from './state.ts';
import { ClientEvents } from './outgoing/client-events.ts';

export interface AppBridgeNeeds {
  readonly app: App;
  readonly upstream: Upstream;
  readonly limits: BridgeLimits;
  readonly logger: Logger;
  readonly health: HealthSink | undefined;
  /** Sockets of an app at the other side that are this node's, beside those of the bridge. */
  readonly probesThere: (app: string) => number;
  /** Sockets of browsers of an app that this node leads to the other side. */
  readonly ledThere: (app: string) => number;
  /** The cluster's own broker, for notes. */
  readonly broker: Broker;
  /** To this node's own sockets. */
  readonly deliver: Deliver;
  readonly members: MemberEars;
  /** The last event of a cache channel, as the other side tells it. */
  readonly remember: (ref: ChannelRef, payload: string) => void;
}

/** SPEC 11.6 to 11.13: one app's bridge on this node, put together of its parts. */
export class AppBridge {
  readonly presence: Presence;
  readonly dispatch: Dispatch;
  readonly census: UpstreamCounts;
  readonly #appId: string;
  readonly #figures = new BridgeCounters();
  readonly #echoes: Echoes;
  readonly #mainLine: MainConnection;
  readonly #post: UpstreamApi;
  readonly #probesThere: () => number;
  readonly #ledThere: () => number;

  constructor(needs: AppBridgeNeeds) {
    const { app, upstream, limits } = needs;
    const [credential] = app.credentials;
    const figures = this.#figures;
    this.#appId = app.id;
    this.#probesThere = () => needs.probesThere(app.id);
    this.#ledThere = () => needs.ledThere(app.id);
    this.#echoes = this.#openEchoes(needs);
    const tools = { ...needs, appId: app.id, credential, figures, echoes: this.#echoes };
    const link = { upstream, key: credential.key, limits };
    const complaints = new WarningLog(tools);
    const parts = { ...tools, link, complaints, ears: new Reception(tools) };
    const isAway = (): boolean => !this.isConnected;
    this.#post = new UpstreamApi(tools);
    this.#mainLine = new MainConnection({ ...parts, back: () => this.dispatch.hasten() });
    this.presence = new Presence({
      ...parts,
      isAway,
      failed: (reason) => figures.error(reason),
      refused: (frame) => complaints.refused(frame),
    });
    const whispers = new ClientEvents({ ...parts, mainLine: this.#mainLine, presence: this.presence });
    this.dispatch = new Dispatch({ ...parts, post: this.#post, whispers, isAway });
    this.census = this.#openCensus(limits);
  }

  get isConnected(): boolean {
    return this.#mainLine.isOpen;
  }

  get state(): BridgeState {
    const { presence, isConnected } = this;
    const { link, listening } = this.#mainLine;
    return this.#figures.with({
      app: this.#appId,
      connected: isConnected,
      channels: listening.size + presence.channels,
      members: presence.members,
      connections: presence.connections + (isConnected ? 1 : 0),
      queue: this.dispatch.queue,
      lagMs: isConnected ? link.lagMs : undefined,
    });
  }

  async start(): Promise<void> {
    this.dispatch.start();
    this.#mainLine.link.open();
    await this.#echoes.notes.start();
  }

  async stop(): Promise<void> {
    this.#mainLine.link.close();
    this.presence.stop();
    this.dispatch.stop();
    this.#post.stop();
    this.#echoes.stop();
    await this.#echoes.notes.stop();
  }

  /** Called now and then. */
  tick(): void {
    this.#echoes.tick();
  }

  /** The other nodes leave this node's sockets out of the people that they count there. */
  tellSockets(): void {
    const { isConnected: isBridged } = this;
    this.#echoes.notes.sockets({ count: this.#ownSockets, led: this.#ledThere(), isBridged });
  }

  /** True while other nodes lead browsers to the other side. */
  get othersLead(): boolean {
    return this.#echoes.notes.others.led > 0;
  }

  listen(channel: string): Promise<void> {
    return this.#mainLine.listening.listen(channel);
  }

  unlisten(channel: string): void {
    this.#mainLine.listening.unlisten(channel);
    this.#echoes.lost(channel);
  }

  /** How long a channel without members has been heard at the other side without a break; 0: it is not heard. */
  heardForMs(channel: string): number {
    return this.#mainLine.listening.heardForMs(channel);
  }

  /** False: the event is no note of another node. */
  heardNote(ref: ChannelRef, payload: string): boolean {
    return this.#echoes.notes.heard(ref, payload);
  }

  // --- within ----------------------------------------------------------------------------------

  #openEchoes({ app, broker, limits }: AppBridgeNeeds): Echoes {
    return new Echoes({
      limits,
      figures: this.#figures,
      notes: (ears) => new NodeNotes({ app: app.id, broker, limits, ears }),
      hearing: (channel) => this.#hearing(channel),
      barrier: (channel) => this.#barrier(channel),
    });
  }

  #openCensus({ subscribeWaitMs }: BridgeLimits): UpstreamCounts {
    return new UpstreamCounts({
      post: this.#post,
      waitMs: subscribeWaitMs,
      isConnected: () => this.isConnected,
      ownOn: (channel) => this.presence.room(channel)?.members ?? (this.#hearing(channel) === 'no' ? 0 : 1),
      otherBridges: () => this.#echoes.notes.others.bridges,
      own: () => {
        const { count, led } = this.#echoes.notes.others;
        return this.#ownSockets + this.#ledThere() + count + led;
      },
    });
  }

  get #ownSockets(): number {
    return this.presence.connections + (this.isConnected ? 1 : 0) + this.#probesThere();
  }

  #hearing(channel: string): Hearing {
    return kindOf(channel).members
      ? this.presence.hearing(channel)
      : this.#mainLine.listening.hearing(channel);
  }

  async #barrier(channel: string): Promise<void> {
    if (kindOf(channel).members) await this.presence.room(channel)?.barrier();
    else await this.#mainLine.link.barrier();
  }
}
