import { kindOf } from '#protocol';
import { sendThen } from '../connection/subscription.ts';
import type { BridgeLimits } from '../limits.ts';
import type { EchoAnnouncer, ForwardedEvent } from '../ports/echoes.ts';
import type { UpstreamLink } from '../ports/link.ts';
import type { BridgeCounters } from '../status/counters.ts';

/** A client event of this side; `dataJson` is its data as it was written. */
interface SentClientEvent {
  readonly name: string;
  readonly data: unknown;
  readonly dataJson: string;
  readonly userId: string | undefined;
}

/** Sends client events on one presence channel as its members. */
interface MemberSender {
  send(
    user: string | undefined,
    text: string,
    announce: (comesBackHere: boolean) => Promise<() => void>,
  ): Promise<boolean>;
}

interface ClientEventsDeps {
  readonly limits: BridgeLimits;
  readonly counters: BridgeCounters;
  readonly mainConnection: {
    readonly link: UpstreamLink;
    readonly subscriptions: { isSubscribed(channel: string): Promise<boolean> };
  };
  readonly presence: { channel(name: string): { readonly clientEvents: MemberSender } | undefined };
  readonly echoes: EchoAnnouncer;
}

/** SPEC 11.9: sends this side's client events to the upstream, over a connection that is subscribed to the channel there. */
export class ClientEvents {
  readonly #deps: ClientEventsDeps;

  constructor(deps: ClientEventsDeps) {
    this.#deps = deps;
  }

  /** Never rejects. An event that cannot be sent at the moment is dropped and counted. */
  async send(channel: string, { name, data, dataJson, userId }: SentClientEvent): Promise<void> {
    const { counters, limits } = this.#deps;
    // Where clients may write to any channel, Reverb passes the frame on as it is, including `user_id`.
    const [event, on, user] = [name, channel, userId].map((each) => JSON.stringify(each));
    const by = user === undefined ? '' : `,"user_id":${user}`;
    const text = `{"event":${event},"channel":${on},"data":${dataJson}${by}}`;
    if (Buffer.byteLength(text) > limits.messageBytes) return counters.drop('too-large');
    const sent = { channel, name, data, user: userId };
    const isSent = await (kindOf(channel).members
      ? this.#asMember(sent, text)
      : this.#overMainConnection(sent, text));
    if (isSent) counters.add('clientEventsSent');
    else counters.drop('not-bridged');
  }

  async #asMember(event: ForwardedEvent, text: string): Promise<boolean> {
    const channel = this.#deps.presence.channel(event.channel);
    if (channel === undefined) return false;
    return channel.clientEvents.send(event.user, text, (comesBackHere) =>
      this.#announce(event, comesBackHere),
    );
  }

  /** The upstream does not send a client event back to its sender: the echo goes to other nodes only. */
  async #overMainConnection(event: ForwardedEvent, text: string): Promise<boolean> {
    const { link, subscriptions } = this.#deps.mainConnection;
    if (!(await subscriptions.isSubscribed(event.channel))) return false;
    return sendThen(link, text, await this.#announce(event, false));
  }

  /** SPEC 11.8: resolves with what is called when the upstream has handled the event. */
  async #announce(event: ForwardedEvent, comesBackHere: boolean): Promise<() => void> {
    const { echoes } = this.#deps;
    const pending = await echoes.announce([event], undefined, comesBackHere);
    return () => echoes.answered(pending);
  }
}
