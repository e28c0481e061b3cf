import { isDeepStrictEqual } from 'node:util';
import { Wire, dataOf, eventually } from '../support/wire.ts';
import type { Frame } from '../support/wire.ts';
import { channelAuth, publisher } from '../support/wire-http.ts';
import type { Answer, Endpoint } from '../support/wire-http.ts';
import type { Allowance } from './allowances.ts';

/** One step of a random run; clients are numbers, channels are names, so that it can run on any server. */
export type Step =
  | { readonly do: 'connect' | 'drop' | 'close'; readonly client: number }
  | { readonly do: 'subscribe'; readonly client: number; readonly channel: string; readonly forged: boolean }
  | {
      readonly do: 'unsubscribe' | 'whisper';
      readonly client: number;
      readonly channel: string;
      readonly n: number;
    }
  | { readonly do: 'send'; readonly client: number; readonly text: string }
  | {
      readonly do: 'publish';
      readonly channels: readonly string[];
      readonly except: number | undefined;
      readonly info: string;
      readonly n: number;
    }
  | { readonly do: 'batch'; readonly channels: readonly string[]; readonly info: string; readonly n: number }
  | { readonly do: 'get'; readonly path: string; readonly query: readonly (readonly [string, string])[] };

/** Result of one step: the answer of the API, if it was called, and the new frames of each client. */
export interface ClientEvents {
  readonly answer: { readonly status: number; readonly body: unknown } | undefined;
  readonly frames: Readonly<Record<number, readonly Frame[]>>;
}

/** Four users share the clients; each has the same `user_info` on every socket. */
export const userOf = (client: number) => ({
  user_id: String((client % 4) + 1),
  user_info: { name: `N${client % 4}` },
});

/** Every client subscribes to a channel of its own, so that the HTTP API shows when it has left. */
export const ownChannel = (client: number): string => `own-${client}`;

/** Runs steps against one server. */
export class StepRunner {
  readonly #app: Endpoint;
  readonly #api: ReturnType<typeof publisher>;
  readonly #wires = new Map<number, Wire>();

  constructor(app: Endpoint) {
    this.#app = app;
    this.#api = publisher(app);
  }

  /** Runs one step and waits until its frames have arrived. */
  async run(step: Step): Promise<ClientEvents> {
    const answer = await this.#do(step);
    if ('client' in step) await this.#barrier(step.client);
    const frames: Record<number, Frame[]> = {};
    for (const [client, wire] of this.#wires) {
      const got = [...(this.#pending.get(client) ?? []), ...(await wire.settle())];
      if (got.length > 0) frames[client] = got.map((frame) => withoutIds(frame));
    }
    this.#pending.clear();
    return { answer: answer && { status: answer.status, body: answer.json ?? answer.text }, frames };
  }

  /** Closes all clients and waits until the app is empty. */
  async end(): Promise<void> {
    for (const client of [...this.#wires.keys()]) await this.run({ do: 'close', client });
  }

  readonly #pending = new Map<number, Frame[]>();

  async #barrier(client: number): Promise<void> {
    const wire = this.#wires.get(client);
    if (wire) this.#pending.set(client, await wire.settle());
  }

  #wire(client: number): Wire {
    const wire = this.#wires.get(client);
    if (!wire) throw new Error(`client ${client} is not connected`);
    return wire;
  }

  #send(client: number, message: unknown): undefined {
    this.#wire(client).send(message);
  }

  async #do(step: Step): Promise<Answer | undefined> {
    switch (step.do) {
      case 'connect':
        return this.#connect(step.client);
      case 'drop':
      case 'close':
        return this.#leave(step.client, step.do);
      case 'subscribe':
        return this.#subscribe(step.client, step.channel, step.forged);
      case 'unsubscribe':
        return this.#send(step.client, {
          event: 'pusher:unsubscribe',
          data: { channel: step.channel },
        });
      case 'whisper':
        return this.#send(step.client, {
          event: 'client-x',
          channel: step.channel,
          data: { n: step.n },
        });
      case 'send':
        return this.#send(step.client, step.text);
      case 'publish':
        return this.#publish(step);
      case 'batch':
        return this.#api.post('/batch_events', { batch: batchOf(step) });
      case 'get':
        return this.#api.get(step.path, step.query);
    }
  }

  async #connect(client: number): Promise<undefined> {
    const wire = await Wire.open(this.#app, `${this.#app.prefix}/app/${this.#app.key}?protocol=7`);
    const frame = await wire.first();
    wire.socketId = String((dataOf(frame) as { socket_id?: unknown }).socket_id);
    this.#wires.set(client, wire);
    wire.send({ event: 'pusher:subscribe', data: { channel: ownChannel(client) } });
    this.#pending.set(client, [frame]);
  }

  async #leave(client: number, how: 'drop' | 'close'): Promise<undefined> {
    const wire = this.#wire(client);
    this.#wires.delete(client);
    if (how === 'drop') wire.drop();
    else await wire.close();
    const isGone = async () => {
      const { json } = await this.#api.get(`/channels/${ownChannel(client)}`);
      return (json as { occupied?: unknown } | undefined)?.occupied === false;
    };
    await eventually(isGone, `client ${client} has left`);
  }

  #subscribe(client: number, channel: string, forged: boolean): undefined {
    const wire = this.#wire(client);
    const data = channel.startsWith('presence-') ? JSON.stringify(userOf(client)) : undefined;
    const socketId = forged ? '1.1' : wire.socketId;
    const isSigned = /^(private|presence)-/.test(channel);
    wire.send({
      event: 'pusher:subscribe',
      data: {
        channel,
        auth: isSigned ? channelAuth(this.#app, socketId, channel, data) : '',
        ...(data !== undefined && { channel_data: data }),
      },
    });
  }

  #publish({ channels, except, info, n }: Step & { do: 'publish' }): Promise<Answer> {
    return this.#api.post('/events', {
      name: 'App\\Events\\E',
      data: JSON.stringify({ n, text: 'é/"' }),
      channels,
      ...(info !== '' && { info }),
      ...(except !== undefined && { socket_id: this.#wire(except).socketId }),
    });
  }
}

const batchOf = ({ channels, info, n }: Step & { do: 'batch' }) =>
  channels.map((channel, index) => ({
    name: `e${index}`,
    data: JSON.stringify({ n }),
    channel,
    ...(info !== '' && { info }),
  }));

/** Replaces the socket id, which is random on each server. */
const withoutIds = (frame: Frame): Frame => {
  if (frame.event !== 'pusher:connection_established') return frame;
  return { ...frame, data: String(frame.data).replace(/\d+\.\d+/, 'SOCKET') };
};

/** Decodes data, because PHP escapes characters that JavaScript does not. */
const decoded = (frame: Frame): unknown => {
  const data = dataOf(frame);
  return data === undefined ? frame : { ...frame, data: { json: data } };
};

const applyToFrame = (frame: Frame, allowances: readonly Allowance[]): Frame | undefined =>
  allowances.reduce<Frame | undefined>(
    (each, { frame: change }) => (each && change ? change(each) : each),
    frame,
  );

const applyToBody = (body: unknown, allowances: readonly Allowance[]): unknown =>
  allowances.reduce((each, { body: change }) => (change ? change(each) : each), body);

const byChannel = (left: Frame, right: Frame) => String(left.channel).localeCompare(String(right.channel));

/** Returns the results of a step in the form that is compared. A closing socket leaves its channels in any order. */
const comparable = (
  { answer, frames }: ClientEvents,
  step: Step,
  allowances: readonly Allowance[],
): unknown => {
  const isLeaving = step.do === 'drop' || step.do === 'close';
  const lists = Object.entries(frames).map(([client, list]) => {
    const kept = list.map((frame) => applyToFrame(frame, allowances)).filter((frame) => frame !== undefined);
    return [client, (isLeaving ? [...kept].sort(byChannel) : kept).map(decoded)] as const;
  });
  return {
    answer: answer && { ...answer, body: applyToBody(answer.body, allowances) },
    frames: Object.fromEntries(lists.filter(([, list]) => list.length > 0)),
  };
};

/** Returns the results of two servers for the same step, if they differ. */
export const differenceOf = (
  step: Step,
  [left, right]: readonly [ClientEvents, ClientEvents],
  allowances: readonly Allowance[],
): readonly [unknown, unknown] | undefined => {
  const pair = [comparable(left, step, allowances), comparable(right, step, allowances)] as const;
  return isDeepStrictEqual(pair[0], pair[1]) ? undefined : pair;
};
