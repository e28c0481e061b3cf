import type { Credential } from '#protocol';
import { errorTextIn } from '../../client/read-frame.ts';
import type { ServerFrame } from '../../client/server-frame.ts';
import type { BridgeLimits } from '../limits.ts';
import type { ChannelReceiver } from '../ports/receiver.ts';
import type { BridgeCounters } from '../status/counters.ts';
import type { WarningLog } from '../status/warning-log.ts';
import { Link, type LinkOptions } from './link.ts';
import { ChannelSubscriptions } from './channel-subscriptions.ts';

interface MainConnectionDeps {
  readonly link: LinkOptions;
  readonly credential: Credential;
  readonly limits: BridgeLimits;
  readonly counters: BridgeCounters;
  readonly warnings: WarningLog;
  readonly receiver: ChannelReceiver;
  /** The upstream can be reached (again). */
  readonly onOpen: () => void;
}

/** SPEC 11.6, 11.13: the connection for all channels without members; the bridge counts as connected while it is open. */
export class MainConnection {
  readonly link: Link;
  readonly subscriptions: ChannelSubscriptions;
  readonly #deps: MainConnectionDeps;
  #lostSinceMs: number | undefined;

  constructor(deps: MainConnectionDeps) {
    this.#deps = deps;
    this.link = new Link(deps.link, {
      opened: () => this.#opened(),
      frame: (frame) => this.#received(frame),
      lost: () => this.#lost(),
      failed: (reason) => this.#failed(reason),
    });
    this.subscriptions = new ChannelSubscriptions({ ...deps, link: this.link });
  }

  get isOpen(): boolean {
    return this.link.isOpen;
  }

  #opened(): void {
    const { warnings, counters, onOpen } = this.#deps;
    const awayMs = Date.now() - (this.#lostSinceMs ?? Date.now());
    warnings.connectionRestored(awayMs);
    if (this.#lostSinceMs !== undefined && this.subscriptions.size > 0) counters.gap(awayMs);
    this.#lostSinceMs = undefined;
    this.subscriptions.opened();
    onOpen();
  }

  #lost(): void {
    this.#lostSinceMs = Date.now();
    for (const channel of this.subscriptions.channels) this.#deps.receiver.lost(channel);
    this.subscriptions.lost();
  }

  #failed(reason: string): void {
    this.#lostSinceMs ??= Date.now();
    this.#deps.warnings.connectionFailed(reason);
  }

  #received(frame: ServerFrame): void {
    if (frame.event === 'pusher:error') this.#deps.warnings.errorFrame(errorTextIn(frame));
    else this.subscriptions.receive(frame);
  }
}
