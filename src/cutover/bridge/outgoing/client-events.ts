import { kindOf } from '#protocol';
import type { Echoes } from '../echo/echoes.ts';
import { echoKey } from '../frame.ts';
import type { BridgeLimits } from '../limits.ts';
import type { MainConnection } from '../connection/main-connection.ts';
import type { Copy } from '../echo/node-notes.ts';
import type { Presence } from '../presence/presence.ts';
import type { Published } from './published.ts';
import type { BridgeCounters } from '../state.ts';
import { sendThen } from '../connection/subscription.ts';

interface ClientEventsDeps {
  readonly limits: BridgeLimits;
  readonly counters: BridgeCounters;
  readonly mainConnection: MainConnection;
  readonly presence: Presence;
  readonly echoes: Echoes;
}

/** SPEC 11.9: client events of this side, said at the other side over a connection that is on the channel there. */
export class ClientEvents {
  readonly #deps: ClientEventsDeps;

  constructor(deps: ClientEventsDeps) {
    this.#deps = deps;
  }

  /** Never rejects. What cannot be said at the moment is counted. */
  async send(channel: string, { name, data, dataJson, userId }: Published): Promise<void> {
    const { counters, limits } = this.#deps;
    // Where clients may write to any channel, Reverb passes the frame on as it is, with the user that it names.
    const [event, on, user] = [name, channel, userId].map((each) => JSON.stringify(each));
    const by = user === undefined ? '' : `,"user_id":${user}`;
    const text = `{"event":${event},"channel":${on},"data":${dataJson}${by}}`;
    if (Buffer.byteLength(text) > limits.messageBytes) return counters.drop('too-large');
    const copy: Copy = { channel, key: echoKey(name, data), user: userId };
    const isSent = await (kindOf(channel).members
      ? this.#asMember(copy, text)
      : this.#overMainConnection(copy, text));
    if (isSent) counters.add('clientEventsSent');
    else counters.drop('not-bridged');
  }

  async #asMember(copy: Copy, text: string): Promise<boolean> {
    const { presence } = this.#deps;
    const joined = presence.channel(copy.channel);
    if (joined === undefined) return false;
    return joined.clientEvents.send(copy.user, text, (isHeardHere) => this.#announce(copy, isHeardHere));
  }

  /** The connection that speaks does not hear itself: only other nodes do. */
  async #overMainConnection(copy: Copy, text: string): Promise<boolean> {
    const { mainConnection: mainConnection } = this.#deps;
    if (!(await mainConnection.subscriptions.isSubscribed(copy.channel))) return false;
    return sendThen(mainConnection.link, text, await this.#announce(copy, false));
  }

  /** SPEC 11.8: resolves with what is to be called when the other side has dealt with it. */
  async #announce(copy: Copy, isHeardHere: boolean): Promise<() => void> {
    const { echoes } = this.#deps;
    const pending = await echoes.announce([copy], undefined, isHeardHere);
    return () => echoes.answered(pending);
  }
}
