import type { Command } from 'commander';
import { kindOf } from '#protocol';
import { askApp } from '../../client/app-client.ts';
import { addAppOptions, appAddress, type AppFlags } from '../../client/options.ts';
import { counted, print, runCommand, shown } from '../../client/output.ts';

/** More than any server takes. */
const MOST_DATA_BYTES = 16 * 1024 * 1024;
const FROM_STDIN = '-';

interface TriggerFlags extends AppFlags {
  readonly socketId?: string;
}

interface EventAnswer {
  readonly channels?: Readonly<Record<string, { subscription_count?: number; user_count?: number }>>;
}

/** `wavehall trigger`: publishes one event, as Laravel does (SPEC 8.4). */
export function addTrigger(program: Command): void {
  addAppOptions(program.command('trigger <channel> <event> [data]'))
    .description('Publish an event; data is JSON or any text (default: {}), or - to read it from stdin')
    .option('--socket-id <id>', 'leave out this socket, as toOthers() does')
    .action((channel: string, name: string, given: string | undefined, flags: TriggerFlags) =>
      runCommand(async () => {
        const address = await appAddress(flags);
        const data = given === FROM_STDIN ? await readStdin() : (given ?? '{}');
        const info = kindOf(channel).members ? 'user_count' : 'subscription_count';
        const socket = flags.socketId !== undefined && { socket_id: flags.socketId };
        const body = { name, channel, data, info, ...socket };
        const answer = await askApp<EventAnswer>(address, { method: 'POST', path: '/events', body });
        print(flags, answer, () => [outcome(channel, answer)]);
      }),
    );
}

function outcome(channel: string, { channels }: EventAnswer): string {
  const { subscription_count: subscriptions, user_count: users } = channels?.[channel] ?? {};
  const audience =
    users !== undefined
      ? `, which has ${counted(users, 'user')}`
      : subscriptions !== undefined
        ? `, which has ${counted(subscriptions, 'subscription')}`
        : '';
  return `Published on ${shown(channel)}${audience}.`;
}

/** Reads all of stdin; throws when it is more than any server takes. */
async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MOST_DATA_BYTES)
      throw new Error(`data from stdin: expected at most ${MOST_DATA_BYTES} bytes`);
  }
  return Buffer.concat(chunks).toString('utf8');
}
