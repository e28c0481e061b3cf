import type { Outcome } from './attack.ts';

/** One outcome as a line for people, its faults below it. */
export function outcomeLine(outcome: Outcome): string {
  const { name, seconds, longestPingMs, files, rssMb, retainedMb, faults } = outcome;
  const course = ({ before, most, after }: Outcome['files']): string =>
    before === undefined ? 'not seen' : `${before} → ${most} → ${after}`;
  const head = `${faults.length === 0 ? 'ok  ' : 'FAIL'} ${name}: ${seconds} s, longest ping ${longestPingMs} ms`;
  const kept = retainedMb.before === undefined ? '' : `, kept ${retainedMb.before} → ${retainedMb.after} MiB`;
  const rest = `files ${course(files)}, RSS ${course(rssMb)} MiB${kept}`;
  return [`${head}, ${rest}`, ...faults.map((fault) => `     ${fault}`)].join('\n');
}
