/** The answer of `wavehall capacity` for a terminal. */
import { columns as columnLines } from '../../cutover/status/table.ts';
import { BENCHMARK } from './benchmark.ts';
import type { Capacity } from './index.ts';

const MEBIBYTE_KIB = 1024;

export function capacityTable(found: Capacity): string {
  const blocks = [
    machineLine(found),
    costs(found),
    disturbed(found),
    limits(found),
    events(found),
    need(found),
  ];
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}

const number = (value: number): string =>
  value.toLocaleString('en-US', { maximumFractionDigits: value < 100 && !Number.isInteger(value) ? 1 : 0 });

const columns = (rows: readonly (readonly string[])[]): string => columnLines(rows).join('\n');

const machineLine = ({ machine }: Capacity): string =>
  `This machine: ${machine.cores} cores, ${number(machine.availableKib / MEBIBYTE_KIB)} MiB of memory available, ` +
  `${machine.openFiles ?? 'an unknown number of'} open files a process, heap limit ${number(machine.heapLimitKib / MEBIBYTE_KIB)} MiB, ` +
  `Node ${machine.node}; the model counts ${machine.processes === 1 ? 'one process' : `${machine.processes} processes`}`;

function costs({ measured, ratios }: Capacity): string {
  const row = (name: string, here: number, there: number, unit: string, ratio: number): string[] => [
    name,
    `${number(here)} ${unit}`,
    `${number(there)} ${unit}`,
    `${ratio.toFixed(2)} x`,
  ];
  return columns([
    ['cost', 'measured here', 'benchmark', 'ratio'],
    row('signed request', measured.triggerUs, BENCHMARK.triggerUs, 'us', ratios.trigger),
    row('delivery', measured.fanOutUs, BENCHMARK.fanOutUs, 'us', ratios.delivery),
    row('connect and subscribe', measured.handshakeUs, BENCHMARK.handshakeUs, 'us', ratios.handshake),
    row('memory of a socket', measured.socketKib, BENCHMARK.socketKib, 'KiB', ratios.socket),
  ]);
}

/** Ratio above which the measurement rather shows other work on this machine. */
const DISTURBED = 3;

const disturbed = ({ ratios }: Capacity): string =>
  Math.max(ratios.trigger, ratios.delivery, ratios.handshake) > DISTURBED
    ? 'The machine was busy, or the measurement too short: these figures are too low. Repeat it when the machine is quiet, with --seconds 20.'
    : '';

function limits({ limits: all, reconnectSeconds }: Capacity): string {
  const rows = all.map(({ of, sockets }, at) => [of, number(sockets), at === 0 ? 'gives out first' : '']);
  const reconnect = `After a restart all of them are connected again in about ${number(Math.ceil(reconnectSeconds))} s.`;
  return `${columns([['limit of this machine', 'sockets', ''], ...rows])}\n${reconnect}`;
}

function events({ events: all, machine }: Capacity): string {
  const rows = all.map(({ subscribers, onOneProcess, onAll }) => [
    number(subscribers),
    number(onOneProcess),
    ...(machine.processes > 1 ? [number(onAll)] : []),
  ]);
  const head = ['subscribers of an event', 'events/s of one process'];
  return columns([machine.processes > 1 ? [...head, `of ${machine.processes} processes`] : head, ...rows]);
}

function need({ load, need: needed }: Capacity): string {
  if (load === undefined || needed === undefined)
    return 'Give --connections or --events-per-second to see how many nodes a load needs.';
  const asked = `${number(load.connections)} connections, ${number(load.eventsPerSecond)} events/s to ${number(load.subscribersPerEvent)} subscribers each (about ${number(load.megabitsPerSecond)} Mbit/s)`;
  if (needed.nodes === undefined)
    return `${asked}: no number of nodes is enough; the limit is ${needed.because}.`;
  const count = needed.nodes === 1 ? '1 node' : `${number(needed.nodes)} nodes, with Redis`;
  const machines = `${number(needed.machines ?? 0)} ${needed.machines === 1 ? 'machine' : 'machines'} like this one`;
  return `${asked}: ${count}, on ${machines}. The limit is ${needed.because}; each node uses ${number((needed.coreShare ?? 0) * 100)} % of a core.`;
}
