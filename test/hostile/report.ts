import type { Outcome } from './attack.ts';

/** One outcome as a line for people, its faults below it. */
export function outcomeLine({ name, seconds, longestPingMs, files, rssMb, faults }: Outcome): string {
  const course = ({ before, most, after }: Outcome['files']): string =>
    before === undefined ? 'not seen' : `${before} → ${most} → ${after}`;
  const head = `${faults.length === 0 ? 'ok  ' : 'FAIL'} ${name}: ${seconds} s, longest ping ${longestPingMs} ms`;
  const rest = `files ${course(files)}, RSS ${course(rssMb)} MiB`;
  return [`${head}, ${rest}`, ...faults.map((fault) => `     ${fault}`)].join('\n');
}
