import { kindOf } from '#protocol';
import type { Echoes } from '../echo/echoes.ts';
import { keyOf } from '../frame.ts';
import type { BridgeLimits } from '../limits.ts';
import type { MainConnection } from '../connection/main-connection.ts';
import type { Copy } from '../echo/node-notes.ts';
import type { Presence } from '../presence/presence.ts';
import type { Published } from './published.ts';
import type { BridgeCounters } from '../state.ts';
import { say } from '../connection/subscription.ts';

interface Needs {
  readonly limits: BridgeLimits;
  readonly figures: BridgeCounters;
  readonly mainLine: MainConnection;
  readonly presence: Presence;
  readonly echoes: Echoes;
}

/** SPEC 11.9: client events of this side, said at the other side over a connection that is on the channel there. */
export class ClientEvents {
  readonly #needs: Needs;

  constructor(needs: Needs) {
    this.#needs = needs;
  }

  /** Never rejects. What cannot be said at the moment is counted. */
  async send(channel: string, { name, data, dataJson, userId }: Published): Promise<void> {
    const { figures, limits } = this.#needs;
    // Where clients may write to any channel, Reverb passes the frame on as it is, with the user that it names.
    const [event, on, user] = [name, channel, userId].map((each) => JSON.stringify(each));
    const by = user === undefined ? '' : `,"user_id":${user}`;
    const text = `{"event":${event},"channel":${on},"data":${dataJson}${by}}`;
    if (Buffer.byteLength(text) > limits.messageBytes) return figures.drop('too-large');
    const copy: Copy = { channel, key: keyOf(name, data), user: userId };
    const isSent = await (kindOf(channel).members ? this.#asMember(copy, text) : this.#aside(copy, text));
    if (isSent) figures.whispersSent += 1;
    else figures.drop('not-bridged');
  }

  async #asMember(copy: Copy, text: string): Promise<boolean> {
    const { presence } = this.#needs;
    const room = presence.room(copy.channel);
    if (room === undefined) return false;
    return room.voices.say(copy.user, text, (isHeardHere) => this.#announce(copy, isHeardHere));
  }

  /** The connection that speaks does not hear itself: only other nodes do. */
  async #aside(copy: Copy, text: string): Promise<boolean> {
    const { mainLine } = this.#needs;
    if (!(await mainLine.listening.isHeard(copy.channel))) return false;
    return say(mainLine.link, text, await this.#announce(copy, false));
  }

  /** SPEC 11.8: resolves with what is to be called when the other side has dealt with it. */
  async #announce(copy: Copy, isHeardHere: boolean): Promise<() => void> {
    const { echoes } = this.#needs;
    const ticket = await echoes.announce([copy], undefined, isHeardHere);
    return () => echoes.answered(ticket);
  }
}
