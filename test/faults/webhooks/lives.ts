import { APP } from '../../support/app.ts';
import { channelAuth } from '../../support/wire-http.ts';
import { dataOf, type Address, Wire } from '../../support/wire.ts';
import type { Happening } from './checker.ts';

const LIMIT_MS = 20_000;
let names = 0;

/** Clients that each occupy channels of their own and leave them, and what webhooks have to tell of that. */
export class Lives {
  readonly happened: Happening[] = [];
  readonly #open = new Set<Wire>();

  /** Connects a user who joins this many presence channels, which nobody else joins. */
  async begin(server: Address, channels: number): Promise<Life> {
    const user = `user-${(names += 1)}`;
    const joined = Array.from({ length: channels }, (_, at) => `presence-${user}-${at}`);
    const life = await this.join(server, joined, user);
    for (const channel of joined)
      this.happened.push({ channel, name: 'channel_occupied' }, { channel, name: 'member_added', user });
    return life;
  }

  /** Connects a user who joins these channels, without a note of it. */
  async join(server: Address, channels: readonly string[], user: string): Promise<Life> {
    const wire = await Wire.open(server, `/app/${APP.key}?protocol=7`);
    this.#open.add(wire);
    const { socket_id: socketId } = dataOf(await wire.next('pusher:connection_established', LIMIT_MS)) as {
      socket_id: string;
    };
    for (const channel of channels) wire.send(subscribe(socketId, channel, user));
    for (const channel of channels) await wire.next((frame) => isSuccess(frame, channel), LIMIT_MS);
    return { wire, channels, user };
  }

  /** Leaves all channels, by a close. */
  async end(life: Life): Promise<void> {
    this.ended(life);
    await life.wire.close();
  }

  /** Says that a client has left without a word: its node was killed. */
  ended({ wire, channels, user }: Life): void {
    this.#open.delete(wire);
    for (const channel of channels)
      this.happened.push({ channel, name: 'member_removed', user }, { channel, name: 'channel_vacated' });
  }

  close(): void {
    for (const wire of this.#open) wire.drop();
  }
}

export interface Life {
  readonly wire: Wire;
  readonly channels: readonly string[];
  readonly user: string;
}

function subscribe(socketId: string, channel: string, user: string): object {
  const channelData = JSON.stringify({ user_id: user });
  const auth = channelAuth(APP, socketId, channel, channelData);
  return { event: 'pusher:subscribe', data: { channel, auth, channel_data: channelData } };
}

const isSuccess = (frame: { event?: unknown; channel?: unknown }, channel: string): boolean =>
  frame.event === 'pusher_internal:subscription_succeeded' && frame.channel === channel;
