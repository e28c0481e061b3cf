import type { ServerFrame } from '../../client/server-frame.ts';
import type { OpenLink, UpstreamLink } from '../ports/link.ts';
import type { MemberSlot, SlotCarrier } from './member-slot.ts';

/** Receives what goes wrong with a connection, whichever members it carries. */
export interface ConnectionProblems {
  failed(reason: string): void;
  errorFrame(frame: ServerFrame): void;
}

interface MemberConnectionDeps extends ConnectionProblems {
  readonly openLink: OpenLink;
  /** Resolves when this connection may connect, with what is called when it has. */
  acquire(): Promise<() => void>;
}

/** SPEC 11.10: a connection and the members on it, at most one of each channel. */
export class MemberConnection implements SlotCarrier {
  readonly slots = new Map<string, MemberSlot>();
  readonly link: UpstreamLink;
  idle: NodeJS.Timeout | undefined;
  readonly #errorFrame: (frame: ServerFrame) => void;

  constructor(deps: MemberConnectionDeps) {
    this.#errorFrame = (frame) => deps.errorFrame(frame);
    const listener = {
      opened: () => this.#each((slot) => slot.owner.opened(slot)),
      lost: () => this.#each((slot) => slot.owner.lost(slot)),
      frame: (frame: ServerFrame) => this.#received(frame),
      failed: (reason: string) => deps.failed(reason),
    };
    this.link = deps.openLink(listener, () => deps.acquire());
  }

  #each(step: (slot: MemberSlot) => void): void {
    for (const slot of [...this.slots.values()]) step(slot);
  }

  #received(frame: ServerFrame): void {
    if (frame.event === 'pusher:error') return this.#errorFrame(frame);
    const slot = this.slots.get(frame.channel ?? '');
    slot?.owner.receive(slot, frame);
  }
}
