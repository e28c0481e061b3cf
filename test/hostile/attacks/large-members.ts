import { channelAuth } from '../../support/wire-http.ts';
import { type Tcp } from '../../support/wire-tcp.ts';
import type { Attack } from '../attack.ts';
import {
  connectHostileClient,
  type HostileClient,
  pingFrame,
  range,
  readUntil,
  subscribeFrame,
} from '../hostile-client.ts';
import type { Target } from '../target.ts';

const CHANNEL = 'presence-large';
const MIB = 1024 * 1024;
/** Fits into a message of 10,000 bytes with channel, signature and the escapes of JSON within JSON. */
const LARGEST_INFO_BYTES = 9_000;
const ANSWER_MS = 60_000;

/**
 * Clients with a signed `user_info` of 1 MiB are disconnected for the size of their message and do not join; `count`
 * members of the largest allowed size join, receive the complete roster, and leave.
 */
export const largeMembers = (count: number): Attack => ({
  name: `${count} members with the largest user_info, and ten with 1 MiB`,
  async run(target, _chance, faults) {
    const tooLarge = await Promise.all(range(10).map((at) => joinTooLarge(target, `huge-${at}`)));
    faults.push(...tooLarge.filter((fault) => fault !== undefined));
    const members = await Promise.all(range(count).map(() => connectHostileClient(target)));
    for (const [at, member] of members.entries()) {
      const fault = await join(target, member, `member-${at}`, at + 1);
      if (fault !== undefined) faults.push(`member ${at}: ${fault}`);
      // Reads and discards later messages: storing them would load this process.
      discardMessages(member.tcp);
    }
    for (const { tcp } of members) tcp.destroy();
    return undefined;
  },
});

const discardMessages = ({ socket }: Tcp): void => void socket.removeAllListeners('data').resume();

function frameOf(target: Target, { socketId }: HostileClient, id: string, infoBytes: number): Buffer {
  const channelData = JSON.stringify({ user_id: id, user_info: 'x'.repeat(infoBytes) });
  const auth = channelAuth(target, socketId, CHANNEL, channelData);
  return subscribeFrame(CHANNEL, { auth, channel_data: channelData });
}

async function joinTooLarge(target: Target, id: string): Promise<string | undefined> {
  const client = await connectHostileClient(target);
  client.tcp.write(frameOf(target, client, id, MIB));
  const ending = await client.tcp.closing(ANSWER_MS).catch((error: unknown) => String(error));
  client.tcp.destroy();
  if (typeof ending !== 'string' && (ending.code === 1009 || ending.code === 1006)) return undefined;
  return `a user_info of 1 MiB: ${typeof ending === 'string' ? ending : ending.code}`;
}

async function join(
  target: Target,
  client: HostileClient,
  id: string,
  expected: number,
): Promise<string | undefined> {
  client.tcp.write(Buffer.concat([frameOf(target, client, id, LARGEST_INFO_BYTES), pingFrame]));
  let count: unknown;
  const fault = await readUntil(
    client.tcp,
    ({ event, data }) => {
      if (event === 'pusher_internal:subscription_succeeded')
        count = (JSON.parse(String(data)) as { presence: { count: number } }).presence.count;
      return event === 'pusher:pong';
    },
    ANSWER_MS,
  );
  return fault ?? (count === expected ? undefined : `a roster of ${String(count)}, not ${expected}`);
}
