import { spawn } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isJsonObject } from '#protocol';
import { SERVER_SETTINGS } from '../../config/index.ts';
import { Unavailable } from '../../core/ports/failures.ts';
import type { Processes } from '../../server/handover/processes.ts';
import { WORKER_VARIABLE } from './mark.ts';

type Command = Parameters<Processes['runCommand']>;

/** Time that a command has. Its steps over the network end earlier. */
export const COMMAND_MS = 120_000;
/** Most bytes of its answer. */
export const MAX_ANSWER_BYTES = 1024 * 1024;

/** The program itself: what a supervisor or a file of its own has started may take other arguments. */
const PROGRAM = fileURLToPath(new URL(`../main${extname(import.meta.url)}`, import.meta.url));

/** Flags of the commands: each step over the network is short, as somebody waits for the answer. */
const FLAGS = { doctor: ['--timeout', '3'], capacity: ['--seconds', '4'] } as const;

/**
 * Runs a command of this program in a process of its own, with the variables of this process and the file that it was started
 * with. Resolves with its JSON, rejects with `Unavailable`.
 */
export async function runOwnCommand(...[command, settings]: Command): Promise<object> {
  const program = [...process.execArgv, PROGRAM];
  const flags = ['--json', ...FLAGS[command], ...(command === 'doctor' ? fileFlag(process.argv) : [])];
  const answer = await runForJson(
    [...program, command, ...flags],
    commandEnvironment(settings, process.argv, process.env),
  );
  if (answer !== undefined) return answer;
  throw new Unavailable(`wavehall ${command} had no result: run it on the machine of the server to see why.`);
}

/** Runs Node behind all other work of this machine. `undefined`: it printed no JSON object, too much, or did not end in time. */
export async function runForJson(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  limitMs = COMMAND_MS,
): Promise<object | undefined> {
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'ignore'] });
  const end = (): void => void child.kill('SIGKILL');
  const timer = setTimeout(end, limitMs);
  process.once('exit', end);
  if (child.pid !== undefined) lowerPriority(child.pid);
  const chunks: Buffer[] = [];
  let bytes = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) end();
    else chunks.push(chunk);
  });
  await new Promise<void>((resolve) => {
    child.on('close', () => resolve());
    child.on('error', () => resolve());
  });
  clearTimeout(timer);
  process.off('exit', end);
  return bytes > MAX_ANSWER_BYTES ? undefined : objectIn(Buffer.concat(chunks).toString());
}

function objectIn(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Flag of the file that a process was started with, if there is one. */
export function fileFlag(args: readonly string[]): string[] {
  const at = args.indexOf('--env-file');
  const joined = args.find((each) => each.startsWith('--env-file='));
  const file = at < 0 ? joined?.slice('--env-file='.length) : args[at + 1];
  return file === undefined ? [] : ['--env-file', file];
}

/** Variables of this process; those of its flags count as well, and a port that the system has chosen. */
export function commandEnvironment(
  { host, port, path }: Command[1],
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv {
  const names = SERVER_SETTINGS;
  const isGiven = (flag: string): boolean =>
    args.some((each) => each === flag || each.startsWith(`${flag}=`));
  return {
    ...env,
    ...(isGiven('--host') && { [names.host.name]: host }),
    ...(isGiven('--path') && { [names.path.name]: path }),
    ...((isGiven('--port') || env[names.port.name] !== undefined) && { [names.port.name]: String(port) }),
    [WORKER_VARIABLE]: undefined,
  };
}

function lowerPriority(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_LOW);
  } catch {
    // It has ended already, or this system does not allow it.
  }
}
