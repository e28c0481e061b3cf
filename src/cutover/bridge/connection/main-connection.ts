import type { Credential } from '#protocol';
import type { WarningLog } from '../warning-log.ts';
import type { ChannelListener } from '../ears.ts';
import type { RemoteFrame } from '../frame.ts';
import type { BridgeLimits } from '../limits.ts';
import { Link, type LinkNeeds } from './link.ts';
import { ChannelSubscriptions } from './channel-subscriptions.ts';
import type { BridgeCounters } from '../state.ts';

interface Needs {
  readonly link: LinkNeeds;
  readonly credential: Credential;
  readonly limits: BridgeLimits;
  readonly figures: BridgeCounters;
  readonly complaints: WarningLog;
  readonly ears: ChannelListener;
  /** The other side can be reached (again). */
  readonly back: () => void;
}

/** SPEC 11.6, 11.13: the connection for all channels without members; by it the bridge knows whether the other side is there. */
export class MainConnection {
  readonly link: Link;
  readonly listening: ChannelSubscriptions;
  readonly #needs: Needs;
  #awaySinceMs: number | undefined;

  constructor(needs: Needs) {
    this.#needs = needs;
    this.link = new Link(needs.link, {
      opened: () => this.#opened(),
      frame: (frame) => this.#heard(frame),
      lost: () => this.#lost(),
      failed: (reason) => this.#failed(reason),
    });
    this.listening = new ChannelSubscriptions({ ...needs, link: this.link });
  }

  get isOpen(): boolean {
    return this.link.isOpen;
  }

  #opened(): void {
    const { complaints, figures, back } = this.#needs;
    const awayMs = Date.now() - (this.#awaySinceMs ?? Date.now());
    complaints.back(awayMs);
    if (this.#awaySinceMs !== undefined && this.listening.size > 0) figures.gap(awayMs);
    this.#awaySinceMs = undefined;
    this.listening.opened();
    back();
  }

  #lost(): void {
    this.#awaySinceMs = Date.now();
    for (const channel of this.listening.channels) this.#needs.ears.deaf(channel);
    this.listening.lost();
  }

  #failed(reason: string): void {
    this.#awaySinceMs ??= Date.now();
    this.#needs.complaints.away(reason);
  }

  #heard(frame: RemoteFrame): void {
    if (frame.event === 'pusher:error') this.#needs.complaints.refused(frame);
    else this.listening.heard(frame);
  }
}
