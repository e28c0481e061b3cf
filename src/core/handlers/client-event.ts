import {
  type ChannelKind,
  checkClientEventName,
  clientEventRefusal,
  type ClientMessage,
  encode,
  errors,
  isChannelName,
  kindOf,
  ProtocolError,
} from '#protocol';
import type { Connection } from '../client/connection.ts';
import type { Hub } from '../channels/hub.ts';
import type { Clock } from '../ports/clock.ts';
import type { Refusals } from '../refusals/refusals.ts';
import { withinClientEventRate } from '../client/rate.ts';
import type { Relay } from '../channels/relay.ts';
import type { NodeEvents } from '../webhooks/node-events.ts';

type ClientEvent = Extract<ClientMessage, { kind: 'client-event' }>;

/** Notes client events that are passed to the broker (SPEC 16.2). */
export interface ClientEventTrace {
  /** Returns the id of the event; `undefined`: nothing is kept. */
  sent(
    from: Connection,
    channel: string,
    event: { readonly name: string; readonly payload: string },
  ): string | undefined;
}

interface ClientEventDeps {
  readonly hub: Hub;
  readonly relay: Relay;
  readonly clock: Clock;
  readonly refusals: Refusals;
  readonly nodeEvents: NodeEvents;
  readonly trace?: ClientEventTrace | undefined;
}

/** SPEC 5: relays to the others on the channel, rebuilt from the known fields. A promise: the client's next message has to wait. */
export function handleClientEvent(
  core: ClientEventDeps,
  from: Connection,
  message: ClientEvent,
): Promise<void> | undefined {
  check(core, from, message, kindOf(message.channel));
  const behind = core.hub.caughtUp({ app: from.app.id, channel: message.channel });
  if (behind === undefined) return relay(core, from, message);
  core.refusals.count('channel_behind', { app: from.app.id, channel: message.channel.slice(0, 200) });
  return behind.then(() => relay(core, from, message));
}

function relay(core: ClientEventDeps, from: Connection, message: ClientEvent): Promise<void> | undefined {
  const { name, channel, dataJson } = message;
  const ref = { app: from.app.id, channel };
  const kind = kindOf(channel);
  const userId = kind.members ? from.subscription(channel)?.member?.id : undefined;
  core.nodeEvents.clientEvent(from, { name, channel, dataJson, userId });
  const payload = encode.event(name, dataJson, channel, userId);
  const trace = core.trace?.sent(from, channel, { name, payload });
  return core.relay.send(from, ref, { payload, except: from.socketId, bestEffort: true }, trace);
}

/** Throws the refusal (SPEC 5.1, 5.2, 5.5). */
function check(
  core: ClientEventDeps,
  from: Connection,
  { name, channel }: ClientEvent,
  kind: ChannelKind,
): void {
  const { app } = from;
  const refuse = (entry: (typeof errors)[keyof typeof errors]): never => {
    throw new ProtocolError(entry, { channel });
  };
  if (app.clientEvents === 'none') refuse(errors.clientEventsDisabled);
  const refusal = clientEventRefusal(kind, channel, app.clientEventsOnPublic);
  if (refusal !== undefined) throw new ProtocolError(refusal, { channel });
  checkClientEventName(name, app.limits.eventNameLength, channel);
  if (!mayAddress(from, channel)) refuse(errors.notAMember);
  if (!withinClientEventRate(from, core.clock())) refuse(errors.clientEventRate);
}

/** SPEC 5.1: `members` send where they are subscribed, `all` also elsewhere in their app. */
function mayAddress(from: Connection, channel: string): boolean {
  if (from.app.clientEvents === 'members') return from.subscription(channel) !== undefined;
  return isChannelName(channel, from.app.limits.channelNameLength, from.app.extraChannelCharacters);
}
