/** Routes of a message from one process to another over Redis. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent } from 'node:http';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import type { TestServer } from '../../support/server.ts';
import { type Endpoint, http, signedPath } from '../../support/wire-http.ts';
import { subscribeAll, endpointOf, LightClient } from './bench-cluster.ts';

/** Size of an event's data; the goal of `crossing` was derived with this size. */
const DATA_BYTES = 256;
const RELAY = new URL('./relay.ts', import.meta.url).pathname;

export interface Route {
  readonly name: string;
  /** Pids of the processes at its two ends; equal if it is one process. */
  readonly publisher: number;
  readonly subscriber: number;
  send(numbers: readonly number[]): void;
  /** Set by the sender; called for each message that arrives. */
  arrived: (number: number) => void;
  close(): Promise<unknown>;
}

const dataOf = (number: number): string => `{"n":${number},"pad":"`.padEnd(DATA_BYTES - 2, 'x') + '"}';
const NUMBER = /"n\\*":(\d+)/;
const ignore = (): void => undefined;

/** A route between two relay processes without a server. */
export async function relayRoute(kind: string, name: string, redisPort: number): Promise<Route> {
  const [publisher, subscriber] = await Promise.all([
    relay(kind, redisPort, 'publish'),
    relay(kind, redisPort, 'subscribe'),
  ]);
  const route: Route = {
    name,
    publisher: publisher.pid,
    subscriber: subscriber.pid,
    send: (numbers) => void publisher.socket.write(numbers.map((number) => `${dataOf(number)}\n`).join('')),
    arrived: ignore,
    close: () => Promise.all([publisher.close(), subscriber.close()]),
  };
  createInterface(subscriber.socket).on('line', (line) => route.arrived(Number(NUMBER.exec(line)?.[1])));
  return route;
}

async function relay(kind: string, redisPort: number, role: 'publish' | 'subscribe') {
  const args = ['--import', 'tsx', '--conditions=source', RELAY, kind, `${redisPort}`, role];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  const socket = connect(Number(line), '127.0.0.1')
    .on('error', () => undefined)
    .setNoDelay(true);
  // The relay sends one byte when it has accepted the connection.
  await once(socket, 'data');
  const close = async (): Promise<void> => {
    socket.destroy();
    child.kill();
    await exited;
  };
  return { pid: child.pid ?? 0, socket, close };
}

interface Ends {
  readonly from: TestServer;
  readonly to: TestServer;
  readonly channel: string;
}

async function subscribedRoute({ from, to, channel }: Ends, name: string): Promise<[Route, LightClient]> {
  const client = new LightClient('subscriber', endpointOf(to), [channel]);
  const route: Route = {
    name,
    publisher: from.pid,
    subscriber: to.pid,
    send: ignore,
    arrived: ignore,
    close: () => Promise.resolve(client.close()),
  };
  client.onFrame = ({ channel: on }, text) => on === channel && route.arrived(Number(NUMBER.exec(text)?.[1]));
  await client.subscribe();
  return [route, client];
}

/** Clients of one node send client events, one client of another node receives them. */
export async function clientEventRoute(ends: Ends, name: string, senders = 1): Promise<Route> {
  const [route, client] = await subscribedRoute(ends, name);
  // Not subscribed to the channel itself, so that this node only publishes.
  const senderClients = Array.from(
    { length: senders },
    (_, at) => new LightClient(`u${at}`, endpointOf(ends.from), ['lobby']),
  );
  await subscribeAll(senderClients);
  const head = `{"event":"client-counted","channel":"${ends.channel}","data":`;
  const send = (numbers: readonly number[]): void =>
    senderClients.forEach((sender, at) =>
      sender.sendTogether(
        numbers.filter((_, place) => place % senders === at).map((number) => `${head}${dataOf(number)}}`),
      ),
    );
  const close = () => Promise.resolve([client, ...senderClients].forEach((each) => each.close()));
  return Object.assign(route, { send, close });
}

/** Sends signed requests over keep-alive connections. `batch`: all messages of one `send` in one request. */
export async function httpRoute(ends: Ends, name: string, mode: 'each' | 'batch'): Promise<Route> {
  const [route, client] = await subscribedRoute(ends, name);
  const agent = new Agent({ keepAlive: true, maxSockets: Infinity });
  const endpoint = endpointOf(ends.from);
  const event = (number: number) => ({ name: 'counted', channel: ends.channel, data: dataOf(number) });
  const send = (numbers: readonly number[]): void => {
    if (mode === 'batch') request(endpoint, agent, 'batch_events', { batch: numbers.map(event) });
    else for (const number of numbers) request(endpoint, agent, 'events', event(number));
  };
  return Object.assign(route, { send, close: () => Promise.resolve([client.close(), agent.destroy()]) });
}

function request(endpoint: Endpoint, agent: Agent, route: string, value: unknown): void {
  const body = JSON.stringify(value);
  const path = signedPath(endpoint, 'POST', `/apps/${endpoint.id}/${route}`, [], body);
  const headers = { 'Content-Type': 'application/json' };
  // A rejected event does not arrive, which the receiver detects.
  http(endpoint, { method: 'POST', path, body, headers, agent }).catch(ignore);
}
