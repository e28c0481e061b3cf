import { performance } from 'node:perf_hooks';
import { type Credential, kindOf } from '#protocol';
import { within } from '../../../core/util/time.ts';
import type { ChannelListener } from '../ears.ts';
import type { Hearing } from '../echo/echoes.ts';
import type { RemoteFrame } from '../frame.ts';
import type { BridgeLimits } from '../limits.ts';
import type { Link } from './link.ts';
import { subscribe, SUBSCRIPTION_ERROR, SUCCEEDED, unsubscribe } from './subscription.ts';

/** Subscriptions that are sent at once after a reconnect, so that others are served in between. */
const AT_A_TIME = 200;

interface Wanted {
  readonly confirmed: Promise<void>;
  confirm: () => void;
  isConfirmed: boolean;
  /** In the time of `performance.now`. */
  confirmedAtMs: number;
  /** Confirmed once, and greeted. */
  wasConfirmed: boolean;
  /** The next frame of a cache channel is what it remembers. */
  awaitsCached: boolean;
}

interface Needs {
  readonly link: Link;
  readonly credential: Credential;
  readonly limits: BridgeLimits;
  readonly ears: ChannelListener;
}

/** SPEC 11.6: the channels without members that this node hears at the other side, all over one connection. */
export class ChannelSubscriptions {
  readonly #needs: Needs;
  readonly #wanted = new Map<string, Wanted>();
  #generation = 0;

  constructor(needs: Needs) {
    this.#needs = needs;
  }

  get size(): number {
    return this.#wanted.size;
  }

  get channels(): Iterable<string> {
    return this.#wanted.keys();
  }

  hearing(channel: string): Hearing {
    const wanted = this.#wanted.get(channel);
    if (wanted === undefined || !this.#needs.link.isOpen) return wanted === undefined ? 'no' : 'soon';
    return wanted.isConfirmed ? 'yes' : 'soon';
  }

  /** How long the channel has been heard without a break; 0: it is not heard. */
  heardForMs(channel: string): number {
    if (this.hearing(channel) !== 'yes') return 0;
    return performance.now() - (this.#wanted.get(channel)?.confirmedAtMs ?? Infinity);
  }

  /** Resolves when the other side has confirmed; soon, whatever it does. */
  async listen(channel: string): Promise<void> {
    const { link, credential, limits } = this.#needs;
    const wanted = this.#wanted.get(channel) ?? newlyWanted();
    this.#wanted.set(channel, wanted);
    if (wanted.isConfirmed || !subscribe(link, credential, channel)) return;
    await within(wanted.confirmed, limits.subscribeWaitMs);
  }

  /** Resolves with whether the channel is heard; what is asked for already is waited for, a moment. */
  async isHeard(channel: string): Promise<boolean> {
    const wanted = this.#wanted.get(channel);
    if (wanted !== undefined && !wanted.isConfirmed && this.#needs.link.isOpen)
      await within(wanted.confirmed, this.#needs.limits.subscribeWaitMs);
    return this.hearing(channel) === 'yes';
  }

  unlisten(channel: string): void {
    const wanted = this.#wanted.get(channel);
    if (wanted === undefined) return;
    this.#wanted.delete(channel);
    wanted.confirm();
    unsubscribe(this.#needs.link, channel);
  }

  /** The connection is open (again): everything is asked for. */
  opened(): void {
    this.#generation += 1;
    this.#ask([...this.#wanted.keys()], this.#generation);
  }

  lost(): void {
    this.#generation += 1;
    for (const wanted of this.#wanted.values()) {
      wanted.isConfirmed = false;
      wanted.awaitsCached = false;
      // Whoever waits for it does not wait for a server that is away.
      wanted.confirm();
    }
  }

  heard(frame: RemoteFrame): void {
    const channel = frame.channel ?? '';
    const wanted = this.#wanted.get(channel);
    if (wanted === undefined) return;
    const { ears } = this.#needs;
    if (frame.event === SUCCEEDED) return this.#confirmed(channel, wanted);
    if (frame.event === SUBSCRIPTION_ERROR) return;
    if (wanted.awaitsCached) {
      // What was remembered while the bridge was away is no news: others may have been told since.
      if (!wanted.wasConfirmed) ears.cached(channel, frame);
      return this.#settled(wanted);
    }
    ears.event(channel, frame);
  }

  #confirmed(channel: string, wanted: Wanted): void {
    if (wanted.isConfirmed) return;
    wanted.isConfirmed = true;
    wanted.confirmedAtMs = performance.now();
    wanted.awaitsCached = kindOf(channel).cached;
    if (!wanted.awaitsCached) return this.#settled(wanted);
    // Reverb remembers nothing of encrypted channels, and says nothing then.
    this.#needs.link.ping((isAlive) => {
      if (isAlive && wanted.awaitsCached) this.#settled(wanted);
    });
  }

  #settled(wanted: Wanted): void {
    wanted.awaitsCached = false;
    wanted.wasConfirmed = true;
    wanted.confirm();
  }

  #ask(channels: readonly string[], generation: number): void {
    if (generation !== this.#generation) return;
    for (const channel of channels.slice(0, AT_A_TIME)) {
      const wanted = this.#wanted.get(channel);
      if (wanted !== undefined && !wanted.isConfirmed)
        subscribe(this.#needs.link, this.#needs.credential, channel);
    }
    if (channels.length > AT_A_TIME) setImmediate(() => this.#ask(channels.slice(AT_A_TIME), generation));
  }
}

function newlyWanted(): Wanted {
  let confirm = (): void => undefined;
  const confirmed = new Promise<void>((resolve) => (confirm = resolve));
  return {
    confirmed,
    confirm,
    isConfirmed: false,
    confirmedAtMs: Infinity,
    wasConfirmed: false,
    awaitsCached: false,
  };
}
