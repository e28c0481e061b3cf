import { parseArgs } from 'node:util';
import { parseEndpoint } from '../conformance/target.ts';
import type { Attack } from './attack.ts';
import { attacks, type Sizes } from './attacks/index.ts';
import type { Target } from './target.ts';

export const USAGE = `npm run hostile -- --against HOST:PORT,ID,KEY,SECRET [options]
  --path /PREFIX    the prefix in front of /app and /apps of that server
  --pid NUMBER      its process on this machine, to check its files and memory too
  --seed NUMBER     seed of all random choices; the same seed repeats the same attack (1)
  --requests NUMBER mutated HTTP requests (50000)
  --frames NUMBER   mutated frames (200000)
  --seconds NUMBER  duration of attacks that run for a time (5)
  --only TEXT       run only attacks whose name contains this text
  --list            print the names of all attacks

Attack only a server of your own without other users. Exits with 0 if no attack succeeded, with 1 if one did, with 2 if it could
not start.`;

const OPTIONS = {
  against: { type: 'string' },
  path: { type: 'string', default: '' },
  pid: { type: 'string' },
  seed: { type: 'string', default: '1' },
  requests: { type: 'string', default: '50000' },
  frames: { type: 'string', default: '200000' },
  seconds: { type: 'string', default: '5' },
  only: { type: 'string', default: '' },
  list: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

/** Parsed command line: attacks to run, or a text to show. */
export type Command =
  | { readonly show: string }
  | { readonly target: Target; readonly seed: number; readonly attacks: readonly Attack[] };

/** Parses the command line. Throws an error that names the wrong argument, its value and what was expected. */
export function parseCommand(args: readonly string[]): Command {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  if (values.help) return { show: USAGE };
  const sizes: Sizes = {
    requests: countOf('requests', values.requests),
    frames: countOf('frames', values.frames),
    seconds: countOf('seconds', values.seconds),
  };
  const all = attacks(sizes);
  if (values.list) return { show: all.map(({ name }) => name).join('\n') };
  if (values.against === undefined) throw new Error('--against is missing');
  if (values.path !== '' && !values.path.startsWith('/'))
    throw new Error(`--path ${values.path}: a path begins with /`);
  const pid = values.pid === undefined ? undefined : countOf('pid', values.pid);
  const target = { ...parseEndpoint(values.against, values.path), pid };
  if (!Number.isInteger(target.port) || target.port < 1 || target.port > 65_535)
    throw new Error(`--against ${values.against.split(',')[0]}: a port is a number from 1 to 65535`);
  const selected = all.filter(({ name }) => name.includes(values.only));
  if (selected.length === 0)
    throw new Error(`--only ${values.only}: no attack has this in its name; see --list`);
  return { target, seed: countOf('seed', values.seed), attacks: selected };
}

function countOf(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name} ${text}: a whole number is expected`);
  return Number(text);
}
