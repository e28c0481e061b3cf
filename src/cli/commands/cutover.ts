import type { Command } from 'commander';
import { percentage } from '../../config/cutover.ts';
import { type CutoverStatus, statusTable } from '../../cutover/status/status-report.ts';
import { type AdminAddress, askAdmin, ownUrl } from '../admin-client.ts';
import { readEnvFile } from '../env-file.ts';
import { fail } from '../fail.ts';
import { addCompare } from './compare.ts';
import { addStartFlags, start, type StartFlags } from './start.ts';

interface Flags {
  readonly url?: string;
  readonly token?: string;
  readonly envFile?: string;
  readonly json?: boolean;
}

interface Moving {
  readonly move?: boolean;
  readonly force?: boolean;
}

interface Returning {
  readonly lastGood?: boolean;
  readonly stay?: boolean;
  readonly force?: boolean;
}

const FORCE = 'also when the other server cannot be connected';

/** `wavehall cutover`: what is the state, `set`, `back`, `serve`, `compare` (SPEC 11.5, 11.16). */
export function addCutover(program: Command, version: string): void {
  const cutover = program
    .command('cutover')
    .description('Move browsers from another server to this one, and back')
    .option('--url <url>', 'address of a running wavehall (http://127.0.0.1 and REVERB_SERVER_PORT)')
    .option('--token <token>', 'token of its admin API (WAVEHALL_ADMIN_TOKEN)')
    .option('--env-file <file>', "read variables from Laravel's .env; what is set already wins")
    .option('--json', 'print JSON')
    .action((flags: Flags) => tell(flags, (admin) => askAdmin(admin, 'GET', '/cutover')));
  cutover
    .command('set <percent>')
    .description('Set the share of the browsers for Wavehall')
    .option('--move', 'ask sockets that are on the other side of the new share to come again')
    .option('--force', FORCE)
    .action((given: string, how: Moving) => set(cutover.opts(), given, how));
  cutover
    .command('back')
    .description('Bring every browser back to the other server')
    .option('--last-good', 'only down to the latest share that held without a breach')
    .option('--stay', 'leave the sockets that are open where they are')
    .option('--force', FORCE)
    .action((how: Returning) => back(cutover.opts(), how));
  addServe(cutover, version);
  addCompare(cutover);
}

function addServe(cutover: Command, version: string): void {
  addStartFlags(cutover.command('serve'))
    .description('Start the server with the front door on')
    .option('--upstream <url>', 'address of the other server (WAVEHALL_CUTOVER_UPSTREAM)')
    .option('--percent <percent>', 'first share for Wavehall (WAVEHALL_CUTOVER_PERCENT)')
    .action((own: StartFlags & { upstream?: string; percent?: string }) => {
      const envFile = own.envFile ?? cutover.opts<Flags>().envFile;
      const { upstream, percent, ...flags } = own;
      return start({ ...flags, ...(envFile !== undefined && { envFile }) }, version, {
        required: ['WAVEHALL_CUTOVER_UPSTREAM'],
        given: { WAVEHALL_CUTOVER_UPSTREAM: upstream, WAVEHALL_CUTOVER_PERCENT: percent },
      });
    });
}

function back(flags: Flags, { lastGood = false, stay = false, force = false }: Returning): Promise<void> {
  const to = lastGood ? 'last-good' : 'zero';
  return tell(flags, (admin) => askAdmin(admin, 'POST', '/cutover/back', { to, move: !stay, force }));
}

function set(flags: Flags, given: string, { move = false, force = false }: Moving): Promise<void> {
  return tell(flags, (admin) => {
    const percent = percentage.parse(given);
    if (percent === undefined)
      throw new Error(`set ${JSON.stringify(given)}: expected ${percentage.expected}`);
    return askAdmin(admin, 'PUT', '/cutover', { percent, move, force });
  });
}

/** Prints the state that an answer of the admin API tells of. */
async function tell(flags: Flags, ask: (admin: AdminAddress) => Promise<CutoverStatus>): Promise<void> {
  try {
    const status = await ask(adminAddress(flags));
    process.stdout.write(
      flags.json === true
        ? `${JSON.stringify(status, undefined, 2)}\n`
        : statusTable(status, { colour: process.stdout.isTTY }),
    );
  } catch (error) {
    fail([(error as Error).message]);
  }
}

/** The server that these variables configure, unless a flag names another. */
function adminAddress({ url, token, envFile }: Flags): AdminAddress {
  const file = envFile === undefined ? {} : readEnvFile(envFile, process.env);
  const variables = { ...file, ...process.env };
  return { url: url ?? ownUrl(variables), token: token ?? variables.WAVEHALL_ADMIN_TOKEN };
}
