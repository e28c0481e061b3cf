import { channelAuth, type Endpoint } from '../../support/wire-http.ts';
import { dataOf, type Frame, Wire } from '../../support/wire.ts';

export interface Member {
  readonly user_id: string | number;
  readonly user_info?: unknown;
}

/** A client that records every frame that a page would receive. */
export class RecordingClient {
  readonly wire: Wire;
  readonly #app: Endpoint;

  private constructor(app: Endpoint, wire: Wire) {
    this.#app = app;
    this.wire = wire;
  }

  static async connect(app: Endpoint): Promise<RecordingClient> {
    const wire = await Wire.open(app, `/app/${app.key}?protocol=7`);
    const greeting = await wire.next('pusher:connection_established');
    wire.socketId = (dataOf(greeting) as { socket_id: string }).socket_id;
    return new RecordingClient(app, wire);
  }

  get socketId(): string {
    return this.wire.socketId;
  }

  /** All frames since the connect. */
  get frames(): Frame[] {
    return this.wire.texts.map((text) => JSON.parse(text) as Frame);
  }

  join(channel: string, member?: Member): Promise<Frame> {
    return this.joinRaw(channel, member === undefined ? undefined : JSON.stringify(member));
  }

  /** Joins with this `channel_data`, which is signed as it is. */
  async joinRaw(channel: string, data?: string): Promise<Frame> {
    const auth = channelAuth(this.#app, this.socketId, channel, data);
    this.wire.send({ event: 'pusher:subscribe', data: { channel, auth, channel_data: data } });
    return this.wire.next(
      (frame) => frame.event === 'pusher_internal:subscription_succeeded' && frame.channel === channel,
      15_000,
    );
  }

  leave(channel: string): void {
    this.wire.send({ event: 'pusher:unsubscribe', data: { channel } });
  }

  sendClientEvent(channel: string, event: string, data: unknown): void {
    this.wire.send({ event, channel, data });
  }

  /** `data` of the received events with that name, in order. */
  received(event: string, channel?: string): unknown[] {
    return this.frames
      .filter((frame) => frame.event === event && (channel === undefined || frame.channel === channel))
      .map(({ data }) => data);
  }

  /** Ids of the members of a presence channel, kept as pusher-js keeps them. */
  roster(channel: string): string[] {
    const members = new Set<string>();
    for (const frame of this.frames.filter((each) => each.channel === channel)) {
      const data = (dataOf(frame) ?? {}) as {
        user_id?: string | number;
        presence?: { ids: (string | number)[] };
      };
      if (frame.event === 'pusher_internal:subscription_succeeded') {
        members.clear();
        for (const id of data.presence?.ids ?? []) members.add(String(id));
      }
      if (frame.event === 'pusher_internal:member_added') members.add(String(data.user_id));
      if (frame.event === 'pusher_internal:member_removed') members.delete(String(data.user_id));
    }
    return [...members].sort();
  }

  /** Members that joined and left after the first roster, as `+7` and `-7`. */
  memberChanges(channel: string): string[] {
    return this.frames.flatMap((frame) => {
      if (frame.channel !== channel) return [];
      const { user_id: id } = (dataOf(frame) ?? {}) as { user_id?: string | number };
      if (frame.event === 'pusher_internal:member_added') return [`+${id}`];
      return frame.event === 'pusher_internal:member_removed' ? [`-${id}`] : [];
    });
  }
}
