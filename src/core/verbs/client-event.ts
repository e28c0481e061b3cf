import {
  checkClientEventName,
  clientEventRefusal,
  type ClientMessage,
  encode,
  errors,
  isChannelName,
  kindOf,
  ProtocolError,
} from '#protocol';
import type { Connection } from '../connection.ts';
import type { Hub } from '../hub.ts';
import { type Broker, type Clock, whenAway } from '../ports.ts';
import { retentionOf } from '../retention.ts';
import { withinClientEventRate } from '../rate.ts';

type ClientEvent = Extract<ClientMessage, { kind: 'client-event' }>;

interface Needs {
  readonly hub: Hub;
  readonly broker: Broker;
  readonly clock: Clock;
}

/** SPEC 5: relays to the others on the channel, rebuilt from the fields that are known. */
export async function clientEvent(core: Needs, from: Connection, message: ClientEvent): Promise<void> {
  const { name, channel, dataJson } = message;
  const ref = { app: from.app.id, channel };
  check(core, from, message);
  if (core.hub.isBehind(ref)) return;
  const userId = from.subscription(channel)?.member?.id;
  const payload = encode.event(name, dataJson, channel, userId);
  const keep = kindOf(channel).cached ? undefined : retentionOf(from.app, channel);
  const event = { payload, except: from.socketId, bestEffort: true };
  // No guarantee goes with a client event: while the others cannot be reached, those of this node are.
  await whenAway(core.broker.publish(ref, event, keep), () => core.hub.deliver(ref, event));
}

/** Throws the refusal (SPEC 5.1, 5.2, 5.5). */
function check(core: Needs, from: Connection, { name, channel }: ClientEvent): void {
  const { app } = from;
  const refuse = (entry: (typeof errors)[keyof typeof errors]): never => {
    throw new ProtocolError(entry, { channel });
  };
  if (app.clientEvents === 'none') refuse(errors.clientEventsDisabled);
  const refusal = clientEventRefusal(kindOf(channel), channel, app.clientEventsOnPublic);
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
