import type { Command } from 'commander';
import { fail } from '../fail.ts';

interface CapacityFlags {
  readonly connections?: string;
  readonly eventsPerSecond?: string;
  readonly subscribersPerEvent: string;
  readonly payloadBytes: string;
  readonly seconds: string;
  readonly json?: boolean;
}

/** The largest event that the server takes by default. */
const MAX_PAYLOAD_BYTES = 10_000;
const MAX_COUNT = 1_000_000_000;
const MAX_SECONDS = 60;

/** `wavehall capacity`: what this machine holds, and how many nodes a load needs. */
export function addCapacity(program: Command): void {
  program
    .command('capacity')
    .description(
      'Measure this machine for some seconds: how many sockets and events it holds, and how many nodes a load needs',
    )
    .option('--connections <count>', 'connections of the load')
    .option('--events-per-second <count>', 'events per second of the load')
    .option('--subscribers-per-event <count>', 'sockets that receive each event', '1')
    .option('--payload-bytes <bytes>', 'bytes of data of an event', '256')
    .option('--seconds <seconds>', 'duration of the measurement', '4')
    .option('--json', 'print JSON, as without a terminal')
    .action(run);
}

async function run(flags: CapacityFlags): Promise<void> {
  try {
    const options = {
      connections: optional('--connections', flags.connections),
      eventsPerSecond: optional('--events-per-second', flags.eventsPerSecond),
      subscribersPerEvent: count('--subscribers-per-event', flags.subscribersPerEvent, 1, MAX_COUNT),
      payloadBytes: count('--payload-bytes', flags.payloadBytes, 1, MAX_PAYLOAD_BYTES),
      seconds: count('--seconds', flags.seconds, 1, MAX_SECONDS),
    };
    // The server's code and the model are loaded only by this command.
    const { capacity } = await import('../capacity/index.ts');
    const found = await capacity(options);
    const { capacityTable } = await import('../capacity/table.ts');
    const isTable = process.stdout.isTTY && flags.json !== true;
    process.stdout.write(isTable ? capacityTable(found) : `${JSON.stringify(found, undefined, 2)}\n`);
  } catch (error) {
    fail([(error as Error).message]);
  }
}

const optional = (name: string, given: string | undefined): number | undefined =>
  given === undefined ? undefined : count(name, given, 0, MAX_COUNT);

function count(name: string, given: string, least: number, most: number): number {
  const value = /^\d{1,10}$/.test(given) ? Number(given) : NaN;
  if (value >= least && value <= most) return value;
  throw new Error(
    `${name} ${JSON.stringify(given)}: expected a whole number from ${least} to ${most.toLocaleString('en-US')}`,
  );
}
