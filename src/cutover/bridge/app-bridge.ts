import { kindOf } from '#protocol';
import type { App } from '../../core/app.ts';
import type { Broker, ChannelEvent, ChannelRef, Deliver, Journal } from '../../core/ports.ts';
import type { BridgeState, HealthSink, Upstream } from '../ports.ts';
import { RemoteCensus } from './census.ts';
import { Complaints } from './complaints.ts';
import { Echoes, type Hearing } from './echoes.ts';
import { Forwarder } from './forwarder.ts';
import { isInternal, isWhisper, keyOf, objectIn, type RemoteFrame, textOf } from './frame.ts';
import type { BridgeLimits } from './limits.ts';
import { Link } from './link.ts';
import { Listening } from './listening.ts';
import { type Copy, Notes } from './notes.ts';
import { type Outcome, Post } from './post.ts';
import { type MemberEars, Reception } from './reception.ts';
import { Presence } from './presence.ts';
import { isForwarded, type Published, readPublished } from './published.ts';
import { Figures, stateOf } from './state.ts';
import { within } from './subscription.ts';
import { Whispers } from './whispers.ts';

export interface AppBridgeNeeds {
  readonly app: App;
  readonly upstream: Upstream;
  readonly limits: BridgeLimits;
  readonly journal: Journal;
  readonly health: HealthSink | undefined;
  /** The cluster's own broker, for notes. */
  readonly broker: Broker;
  /** To this node's own sockets. */
  readonly deliver: Deliver;
  readonly members: MemberEars;
  /** The last event of a cache channel, as the other side tells it. */
  readonly remember: (ref: ChannelRef, payload: string) => void;
}

/** SPEC 11.6 to 11.13: one app's bridge on this node. */
export class AppBridge {
  readonly #needs: AppBridgeNeeds;
  readonly #figures = new Figures();
  readonly #complaints: Complaints;
  readonly #link: Link;
  readonly #listening: Listening;
  readonly #presence: Presence;
  readonly #reception: Reception;
  readonly #echoes: Echoes;
  readonly #forwarder: Forwarder;
  readonly #whispers: Whispers;
  readonly #post: Post;
  readonly census: RemoteCensus;
  #awaySinceMs: number | undefined;
  #isStarted = false;

  constructor(needs: AppBridgeNeeds) {
    this.#needs = needs;
    const { app, upstream, limits, journal } = needs;
    const [credential] = app.credentials;
    const figures = this.#figures;
    this.#complaints = new Complaints(app.id, upstream, journal);
    const link = { upstream, key: credential.key, limits };
    this.#link = new Link(link, {
      opened: () => this.#opened(),
      frame: (frame) => this.#heard(frame),
      lost: () => this.#lost(),
      failed: (reason) => this.#failed(reason),
    });
    this.#echoes = new Echoes({
      limits,
      figures,
      notes: (ears) => new Notes({ app: app.id, broker: needs.broker, limits, ears }),
      hearing: (channel) => this.#hearing(channel),
      barrier: (channel) => this.#barrier(channel),
    });
    this.#reception = new Reception({ ...needs, figures, echoes: this.#echoes });
    const reception = this.#reception;
    const subscribed = (isOk: boolean): void => needs.health?.subscribe('upstream', isOk);
    const isCached = (channel: string): boolean => kindOf(channel).cached;
    const { event, cached } = reception;
    const ears = { event, cached, subscribed };
    this.#listening = new Listening({ link: this.#link, credential, limits, isCached, ears });
    this.#presence = new Presence({
      link,
      credential,
      limits,
      figures,
      isAway: () => !this.#link.isOpen,
      failed: (reason) => figures.error(reason),
      ears: {
        ...ears,
        roster: reception.roster,
        came: reception.came,
        went: reception.went,
        deaf: (channel) => this.#echoes.lost(channel),
        refused: (frame) => this.#refused(frame),
      },
    });
    this.#whispers = new Whispers({
      limits,
      figures,
      link: this.#link,
      listening: this.#listening,
      presence: this.#presence,
      echoes: this.#echoes,
    });
    this.#post = new Post({
      upstream,
      credential,
      timeoutMs: limits.requestTimeoutMs,
      sockets: limits.lanes + 1,
    });
    this.#forwarder = this.#openForwarder();
    this.census = this.#openCensus();
  }

  get isConnected(): boolean {
    return this.#link.isOpen;
  }

  get presence(): Presence {
    return this.#presence;
  }

  get state(): BridgeState {
    const presence = this.#presence;
    return stateOf(this.#figures, {
      app: this.#needs.app.id,
      connected: this.#link.isOpen,
      channels: this.#listening.size + presence.channels,
      members: presence.members,
      connections: presence.connections + (this.#link.isOpen ? 1 : 0),
      queue: this.#forwarder.queue,
      lagMs: this.#link.isOpen ? this.#link.lagMs : undefined,
    });
  }

  async start(): Promise<void> {
    this.#isStarted = true;
    this.#link.open();
    await this.#echoes.notes.start();
  }

  async stop(): Promise<void> {
    this.#isStarted = false;
    this.#link.close();
    this.#presence.stop();
    this.#forwarder.stop();
    this.#post.stop();
    this.#echoes.stop();
    await this.#echoes.notes.stop();
  }

  tick(): void {
    this.#echoes.tick();
  }

  // --- this side -------------------------------------------------------------------------------

  listen(channel: string): Promise<void> {
    return this.#listening.listen(channel);
  }

  unlisten(channel: string): void {
    this.#listening.unlisten(channel);
    this.#echoes.lost(channel);
  }

  /** False: the event is no note of another node. */
  heardNote(ref: ChannelRef, payload: string): boolean {
    return this.#echoes.notes.heard(ref, payload);
  }

  /** Resolves when the other side has it, or soon. Never rejects. */
  async published(ref: ChannelRef, event: ChannelEvent): Promise<void> {
    if (!this.#isStarted || !isForwarded(ref, event)) return;
    const published = readPublished(event);
    if (published === undefined || isInternal(published.name)) return;
    if (event.bestEffort === true && isWhisper(published.name))
      return void this.#whispers.send(ref.channel, published);
    const data = typeof published.data === 'string' ? published.data : (textOf(published.data) ?? '');
    const { channel } = ref;
    const forwarded = this.#forwarder.forward({ channel, name: published.name, data, except: event.except });
    if (this.#link.isOpen && !this.#forwarder.isAway)
      await within(forwarded, this.#needs.limits.publishWaitMs);
  }

  /** SPEC 11.12. */
  async terminate(user: string): Promise<void> {
    if (!this.#isStarted) return;
    const outcome = await this.#post.send(
      `/apps/${encodeURIComponent(this.#needs.app.id)}/users/${encodeURIComponent(user)}/terminate_connections`,
      '{}',
    );
    if (outcome.kind === 'taken') return;
    this.#figures.error(`terminate: ${outcome.text}`);
    this.#complaints.say('The other side did not terminate a user', { answer: outcome.text });
  }

  // --- the other side --------------------------------------------------------------------------

  #opened(): void {
    const awayMs = Date.now() - (this.#awaySinceMs ?? Date.now());
    this.#complaints.back(awayMs);
    if (this.#awaySinceMs !== undefined && this.#listening.size > 0) this.#figures.gap(awayMs);
    this.#awaySinceMs = undefined;
    this.#listening.opened();
    this.#forwarder.hasten();
  }

  #lost(): void {
    this.#awaySinceMs = Date.now();
    for (const channel of this.#listening.channels) this.#echoes.lost(channel);
    this.#listening.lost();
  }

  #failed(reason: string): void {
    this.#awaySinceMs ??= Date.now();
    this.#figures.error(reason);
    this.#complaints.away(reason);
  }

  #heard(frame: RemoteFrame): void {
    if (frame.event === 'pusher:error') this.#refused(frame);
    else this.#listening.heard(frame);
  }

  #refused(frame: RemoteFrame): void {
    const { code, message } = objectIn(frame.data);
    const text = `${textOf(code) ?? ''} ${textOf(message) ?? ''}`;
    this.#figures.error(text);
    this.#complaints.refusedSubscription(text);
  }

  // --- within ----------------------------------------------------------------------------------

  async #send(path: string, body: string): Promise<Outcome> {
    const outcome = await this.#post.send(`/apps/${encodeURIComponent(this.#needs.app.id)}${path}`, body);
    this.#needs.health?.api('upstream', outcome.kind === 'taken' || outcome.kind === 'refused');
    return outcome;
  }

  #openForwarder(): Forwarder {
    return new Forwarder({
      limits: this.#needs.limits,
      figures: this.#figures,
      send: (path, body) => this.#send(path, body),
      announce: (batch, earlier) => this.#echoes.announce(batch.map(copyOf), earlier),
      heardOut: (ticket) => this.#echoes.heardOut(ticket),
      fate: (ticket, at) => this.#echoes.fate(ticket, at),
      answered: (ticket) => this.#echoes.answered(ticket),
      refused: ({ status, text }) => this.#complaints.refusedEvent(status, text),
    });
  }

  #openCensus(): RemoteCensus {
    return new RemoteCensus({
      appId: this.#needs.app.id,
      post: this.#post,
      waitMs: this.#needs.limits.subscribeWaitMs,
      isConnected: () => this.#link.isOpen,
      ownOn: (channel) => this.#presence.room(channel)?.members ?? (this.#hearing(channel) === 'no' ? 0 : 1),
      own: () => this.state.connections,
    });
  }

  #hearing(channel: string): Hearing {
    return kindOf(channel).members ? this.#presence.hearing(channel) : this.#listening.hearing(channel);
  }

  async #barrier(channel: string): Promise<void> {
    if (kindOf(channel).members) await this.#presence.room(channel)?.barrier();
    else await this.#link.barrier();
  }
}

const copyOf = ({ channel, name, data }: Pick<Published, 'name' | 'data'> & { channel: string }): Copy => ({
  channel,
  key: keyOf(name, data),
  user: undefined,
});
