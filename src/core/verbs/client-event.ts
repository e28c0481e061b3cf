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
import {
  type Broker,
  type ChannelEvent,
  type ChannelRef,
  type Clock,
  type Journal,
  type Retention,
  whenAway,
} from '../ports.ts';
import { retentionOf } from '../retention.ts';
import { withinClientEventRate } from '../rate.ts';

type ClientEvent = Extract<ClientMessage, { kind: 'client-event' }>;

/** Client events of one socket that may be on their way to the others before the next one waits. */
const MOST_UNDERWAY = 64;

interface Needs {
  readonly hub: Hub;
  readonly broker: Broker;
  readonly journal: Journal;
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
  const limiters = (from.limiters ??= {});
  limiters.underway = (limiters.underway ?? 0) + 1;
  const relayed = relay(core, ref, event, keep).finally(() => {
    limiters.underway = (limiters.underway ?? 0) - 1;
  });
  if (limiters.underway >= MOST_UNDERWAY) await relayed;
}

/** No guarantee goes with a client event: while the others cannot be reached, those of this node are. Never rejects. */
async function relay(core: Needs, ref: ChannelRef, event: ChannelEvent, keep?: Retention): Promise<void> {
  try {
    await whenAway(core.broker.publish(ref, event, keep), () => core.hub.deliver(ref, event));
  } catch (error) {
    core.journal.defect('A client event could not be relayed', error);
  }
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
