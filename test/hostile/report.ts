import type { Outcome } from './attack.ts';

/** Formats an outcome: one line, followed by its faults. */
export function outcomeLine(outcome: Outcome): string {
  const { name, seconds, longestPingMs, files, rssMb, retainedMb, faults } = outcome;
  const range = ({ before, max, after }: Outcome['files']): string =>
    before === undefined ? 'not measured' : `${before} → ${max} → ${after}`;
  const head = `${faults.length === 0 ? 'ok  ' : 'FAIL'} ${name}: ${seconds} s, longest ping ${longestPingMs} ms`;
  const retained =
    retainedMb.before === undefined ? '' : `, retained ${retainedMb.before} → ${retainedMb.after} MiB`;
  const rest = `files ${range(files)}, RSS ${range(rssMb)} MiB${retained}`;
  return [`${head}, ${rest}`, ...faults.map((fault) => `     ${fault}`)].join('\n');
}
