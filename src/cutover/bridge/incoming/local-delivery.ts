import { isClientEvent, encode, kindOf } from '#protocol';
import type { ChannelRef, Deliver } from '../../../core/ports/events.ts';
import { isInternal, type ServerFrame } from '../../client/server-frame.ts';
import type { BridgeCounters } from '../status/counters.ts';

export interface LocalDeliveryDeps {
  readonly appId: string;
  readonly counters: BridgeCounters;
  /** Delivers to this node's own clients. */
  readonly deliver: Deliver;
  /** Keeps the last event of a cache channel. */
  readonly remember: (ref: ChannelRef, payload: string) => void;
}

/** SPEC 11.6, 11.9, 11.11: delivers the upstream's events to this node's own clients. */
export class LocalDelivery {
  readonly #deps: LocalDeliveryDeps;

  constructor(deps: LocalDeliveryDeps) {
    this.#deps = deps;
  }

  event(channel: string, frame: ServerFrame): void {
    const { counters, remember, deliver } = this.#deps;
    const payload = payloadOf(channel, frame);
    if (payload === undefined) return;
    const ref = this.#ref(channel);
    if (isClientEvent(frame.event)) {
      counters.add('clientEventsReceived');
      deliver(ref, { payload, bestEffort: true });
    } else {
      counters.add('received');
      remember(ref, payload);
      deliver(ref, { payload });
    }
  }

  /** SPEC 11.11: keeps the event; a cache miss is an internal frame and is ignored. */
  cachedEvent(channel: string, frame: ServerFrame): void {
    if (isInternal(frame.event) || isClientEvent(frame.event)) return;
    const payload = payloadOf(channel, frame);
    if (payload !== undefined) this.#deps.remember(this.#ref(channel), payload);
  }

  #ref(channel: string): ChannelRef {
    return { app: this.#deps.appId, channel };
  }
}

/** The frame for this node's clients. Its data is the text that came: decoding it would round numbers. */
function payloadOf(channel: string, { event, dataJson, userId }: ServerFrame): string | undefined {
  const user = isClientEvent(event) && kindOf(channel).members ? userId : undefined;
  return dataJson === undefined ? undefined : encode.event(event, dataJson, channel, user);
}
