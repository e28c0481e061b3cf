import { parseArgs } from 'node:util';
import { parseEndpoint } from '../conformance/target.ts';
import type { Attack } from './attack.ts';
import { attacks, type Sizes } from './attacks/index.ts';
import type { Target } from './target.ts';

export const USAGE = `npm run hostile -- --against HOST:PORT,ID,KEY,SECRET [options]
  --path /PREFIX    the prefix in front of /app and /apps of that server
  --pid NUMBER      its process on this machine: its files and memory are watched too
  --seed NUMBER     the first draw; the same seed makes the same attack (1)
  --requests NUMBER mutated HTTP requests (50000)
  --frames NUMBER   mutated frames (200000)
  --seconds NUMBER  length of the attacks that are measured in time (5)
  --only TEXT       only attacks whose name has this text
  --list            the names of all attacks

Attack only a server of your own that nobody else uses. Ends with 0 when nothing was found, with 1 when something was, with 2 when it
could not begin.`;

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

/** Parsed command line: an attack, or a text to show. */
export type Wanted =
  | { readonly show: string }
  | { readonly target: Target; readonly seed: number; readonly attacks: readonly Attack[] };

/** Throws an error that names the argument that is wrong, its value and what was expected. */
export function wantedOf(args: readonly string[]): Wanted {
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
  const chosen = all.filter(({ name }) => name.includes(values.only));
  if (chosen.length === 0)
    throw new Error(`--only ${values.only}: no attack has this in its name; see --list`);
  return { target, seed: countOf('seed', values.seed), attacks: chosen };
}

function countOf(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name} ${text}: a whole number is expected`);
  return Number(text);
}
