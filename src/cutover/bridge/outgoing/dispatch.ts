import type { ChannelEvent, ChannelRef } from '../../../core/ports/cluster.ts';
import { within } from '../../../core/util/time.ts';
import type { BridgeState, HealthSink } from '../../ports.ts';
import { Forwarder, type ForwarderNeeds } from './forwarder.ts';
import { isInternal, isWhisper } from '../frame.ts';
import type { RequestOutcome, UpstreamApi } from '../connection/upstream-api.ts';
import { isForwarded, readPublished } from './published.ts';
import type { ClientEvents } from './client-events.ts';

interface Needs extends Omit<ForwarderNeeds, 'send'> {
  readonly post: UpstreamApi;
  readonly whispers: ClientEvents;
  readonly health: HealthSink | undefined;
  readonly isAway: () => boolean;
}

/** What happens on this side, brought to the other side (SPEC 11.7, 11.9, 11.12). */
export class Dispatch {
  readonly #needs: Needs;
  readonly #forwarder: Forwarder;
  #isStarted = false;

  constructor(needs: Needs) {
    this.#needs = needs;
    this.#forwarder = new Forwarder({ ...needs, send: (path, body) => this.#send(path, body) });
  }

  get queue(): BridgeState['queue'] {
    return this.#forwarder.queue;
  }

  /** What happens before is not brought. */
  start(): void {
    this.#isStarted = true;
  }

  stop(): void {
    this.#isStarted = false;
    this.#forwarder.stop();
  }

  /** The other side is back: what waits for it is tried at once. */
  hasten(): void {
    this.#forwarder.hasten();
  }

  /** Resolves when the other side has it, or soon. Never rejects. */
  async published(ref: ChannelRef, event: ChannelEvent): Promise<void> {
    if (!this.#isStarted || !isForwarded(ref, event)) return;
    const published = readPublished(event);
    if (published === undefined || isInternal(published.name)) return;
    const { whispers, limits, isAway } = this.#needs;
    const { name, data, dataJson } = published;
    if (event.bestEffort === true && isWhisper(name)) return void whispers.send(ref.channel, published);
    const text = typeof data === 'string' ? data : dataJson;
    const forward = { channel: ref.channel, name, data: text, except: event.except };
    const forwarded = this.#forwarder.forward(forward);
    if (!isAway() && !this.#forwarder.isAway) await within(forwarded, limits.publishWaitMs);
  }

  /** SPEC 11.12. Never rejects. */
  async terminate(user: string): Promise<void> {
    if (!this.#isStarted) return;
    const { post, complaints } = this.#needs;
    const outcome = await post.send(`/users/${encodeURIComponent(user)}/terminate_connections`, '{}');
    if (outcome.kind !== 'taken') complaints.notTerminated(outcome);
  }

  async #send(path: string, body: string): Promise<RequestOutcome> {
    const outcome = await this.#needs.post.send(path, body);
    this.#needs.health?.api('upstream', outcome.kind === 'taken' || outcome.kind === 'refused');
    return outcome;
  }
}
