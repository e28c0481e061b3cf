import { Tcp, textFrame } from '../support/wire-tcp.ts';
import type { Target } from './target.ts';

/** A connected client (connection_established received) on a raw TCP connection. */
export interface HostileClient {
  readonly tcp: Tcp;
  readonly socketId: string;
}

/** Generous, because HonestClient measures the delay of other clients under load. */
const ESTABLISHED_MS = 20_000;

/** The path at which the app's clients connect. */
export const socketPath = ({ prefix, key }: Target): string => `${prefix}/app/${key}?protocol=7`;

export async function connectHostileClient(target: Target): Promise<HostileClient> {
  const tcp = await Tcp.upgraded(target, socketPath(target), {}, ESTABLISHED_MS);
  const { data } = await tcp.message(ESTABLISHED_MS);
  return { tcp, socketId: (JSON.parse(String(data)) as { socket_id: string }).socket_id };
}

export const subscribeFrame = (channel: string, more: Readonly<Record<string, unknown>> = {}): Buffer =>
  textFrame({ event: 'pusher:subscribe', data: { channel, ...more } });

export const unsubscribeFrame = (channel: string): Buffer =>
  textFrame({ event: 'pusher:unsubscribe', data: { channel } });

export const pingFrame = textFrame({ event: 'pusher:ping', data: {} });

/** Reads messages until the wanted one; returns the reason if it does not arrive. */
export async function readUntil(
  tcp: Tcp,
  isWanted: (message: Record<string, unknown>) => boolean,
  limitMs: number,
): Promise<string | undefined> {
  const deadline = Date.now() + limitMs;
  try {
    while (!isWanted(await tcp.message(Math.max(1, deadline - Date.now()))));
    return undefined;
  } catch (error) {
    return String(error);
  }
}

export const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
