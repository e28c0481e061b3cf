import { isClientEvent } from '#protocol';
import type { ChannelEvent, ChannelRef } from '../../../core/ports/events.ts';
import { within } from '../../../core/util/time.ts';
import { isInternal } from '../../client/server-frame.ts';
import type { HealthSink } from '../../ports/health-sink.ts';
import type { RequestOutcome, UpstreamRequests } from '../ports/requests.ts';
import type { ClientEvents } from './client-events.ts';
import { Forwarder, type ForwarderDeps, type QueueState } from './forwarder.ts';
import { isForwarded, readPublished } from './published.ts';

interface DispatchDeps extends Omit<ForwarderDeps, 'send'> {
  readonly api: UpstreamRequests;
  readonly clientEvents: ClientEvents;
  readonly health: HealthSink | undefined;
  readonly isDisconnected: () => boolean;
}

/** SPEC 11.7, 11.9, 11.12: carries what happens on this side to the upstream. */
export class Dispatch {
  readonly #deps: DispatchDeps;
  readonly #forwarder: Forwarder;
  #isStarted = false;

  constructor(deps: DispatchDeps) {
    this.#deps = deps;
    this.#forwarder = new Forwarder({ ...deps, send: (path, body) => this.#send(path, body) });
  }

  get queue(): QueueState {
    return this.#forwarder.queue;
  }

  /** Events that are published before are not forwarded. */
  start(): void {
    this.#isStarted = true;
  }

  stop(): void {
    this.#isStarted = false;
    this.#forwarder.stop();
  }

  /** Sends waiting events at once: the upstream can be reached again. */
  retryNow(): void {
    this.#forwarder.retryNow();
  }

  /** Resolves when the upstream has taken the event, or after `publishWaitMs`. Never rejects. */
  async publish(ref: ChannelRef, event: ChannelEvent): Promise<void> {
    if (!this.#isStarted || !isForwarded(ref, event)) return;
    const published = readPublished(event);
    if (published === undefined || isInternal(published.name)) return;
    const { clientEvents, limits, isDisconnected } = this.#deps;
    const { name, data, dataJson } = published;
    if (event.bestEffort === true && isClientEvent(name))
      return void clientEvents.send(ref.channel, published);
    const text = typeof data === 'string' ? data : dataJson;
    const forward = { channel: ref.channel, name, data: text, except: event.except };
    const forwarded = this.#forwarder.forward(forward);
    if (!isDisconnected() && !this.#forwarder.isFailing) await within(forwarded, limits.publishWaitMs);
  }

  /** SPEC 11.12: closes a user's connections at the upstream. Never rejects. */
  async terminate(user: string): Promise<void> {
    if (!this.#isStarted) return;
    const { api, warnings } = this.#deps;
    const outcome = await api.post(`/users/${encodeURIComponent(user)}/terminate_connections`, '{}');
    if (outcome.kind !== 'taken') warnings.notTerminated(user, outcome);
  }

  async #send(path: string, body: string): Promise<RequestOutcome> {
    const outcome = await this.#deps.api.post(path, body);
    this.#deps.health?.api('upstream', outcome.kind === 'taken' || outcome.kind === 'refused');
    return outcome;
  }
}
