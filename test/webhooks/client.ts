import { APP } from '../support/app.ts';
import { Wire, type Address } from '../support/wire.ts';
import { channelAuth } from '../support/wire-http.ts';

export interface Client {
  readonly wire: Wire;
  readonly socketId: string;
  subscribe(channel: string, user?: string): Promise<void>;
}

/** Opens a connection that signs its own subscriptions, as an app would for it. */
export async function openClient(address: Address): Promise<Client> {
  const wire = await Wire.open(address, `/app/${APP.key}?protocol=7`);
  const { data } = await wire.next('pusher:connection_established');
  const { socket_id: socketId } = JSON.parse(String(data)) as { socket_id: string };
  return {
    wire,
    socketId,
    async subscribe(channel, user) {
      const member = user === undefined ? {} : { channel_data: JSON.stringify({ user_id: user }) };
      const isSigned = /^(?:private|presence)-/.test(channel);
      const auth = isSigned ? { auth: channelAuth(APP, socketId, channel, member.channel_data) } : {};
      wire.send({ event: 'pusher:subscribe', data: { channel, ...auth, ...member } });
      await wire.next('pusher_internal:subscription_succeeded');
    },
  };
}
