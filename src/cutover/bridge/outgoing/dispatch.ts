import type { ChannelEvent, ChannelRef } from '../../../core/ports/cluster.ts';
import { within } from '../../../core/util/time.ts';
import type { BridgeState, HealthSink } from '../../ports.ts';
import { Forwarder, type ForwarderDeps } from './forwarder.ts';
import { isInternal, isClientEvent } from '../frame.ts';
import type { RequestOutcome, UpstreamApi } from '../connection/upstream-api.ts';
import { isForwarded, readPublished } from './published.ts';
import type { ClientEvents } from './client-events.ts';

interface DispatchDeps extends Omit<ForwarderDeps, 'send'> {
  readonly api: UpstreamApi;
  readonly clientEvents: ClientEvents;
  readonly health: HealthSink | undefined;
  readonly isDisconnected: () => boolean;
}

/** What happens on this side, brought to the other side (SPEC 11.7, 11.9, 11.12). */
export class Dispatch {
  readonly #deps: DispatchDeps;
  readonly #forwarder: Forwarder;
  #isStarted = false;

  constructor(deps: DispatchDeps) {
    this.#deps = deps;
    this.#forwarder = new Forwarder({ ...deps, send: (path, body) => this.#send(path, body) });
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
  retryNow(): void {
    this.#forwarder.retryNow();
  }

  /** Resolves when the other side has it, or soon. Never rejects. */
  async published(ref: ChannelRef, event: ChannelEvent): Promise<void> {
    if (!this.#isStarted || !isForwarded(ref, event)) return;
    const published = readPublished(event);
    if (published === undefined || isInternal(published.name)) return;
    const { clientEvents: whispers, limits, isDisconnected } = this.#deps;
    const { name, data, dataJson } = published;
    if (event.bestEffort === true && isClientEvent(name)) return void whispers.send(ref.channel, published);
    const text = typeof data === 'string' ? data : dataJson;
    const forward = { channel: ref.channel, name, data: text, except: event.except };
    const forwarded = this.#forwarder.forward(forward);
    if (!isDisconnected() && !this.#forwarder.isFailing) await within(forwarded, limits.publishWaitMs);
  }

  /** SPEC 11.12. Never rejects. */
  async terminate(user: string): Promise<void> {
    if (!this.#isStarted) return;
    const { api: post, warnings } = this.#deps;
    const outcome = await post.post(`/users/${encodeURIComponent(user)}/terminate_connections`, '{}');
    if (outcome.kind !== 'taken') warnings.notTerminated(outcome);
  }

  async #send(path: string, body: string): Promise<RequestOutcome> {
    const outcome = await this.#deps.api.post(path, body);
    this.#deps.health?.api('upstream', outcome.kind === 'taken' || outcome.kind === 'refused');
    return outcome;
  }
}
