import type { Command } from 'commander';
import { percentage } from '../../config/cutover.ts';
import { type CutoverStatus, statusTable } from '../../cutover/status/status-report.ts';
import { type AdminAddress, askAdmin, localAdminUrl } from '../admin-client.ts';
import { readEnvFile } from '../env-file.ts';
import { fail } from '../fail.ts';
import { addCompare } from './compare.ts';
import { addStartFlags, type Start, type StartFlags } from './start.ts';

interface CutoverFlags {
  readonly url?: string;
  readonly token?: string;
  readonly envFile?: string;
  readonly json?: boolean;
}

interface SetFlags {
  readonly move?: boolean;
  readonly force?: boolean;
}

interface RollbackFlags {
  readonly lastGood?: boolean;
  readonly stay?: boolean;
  readonly force?: boolean;
}

const FORCE = 'also when the upstream cannot be reached';

/** `wavehall cutover`: prints the state; `set`, `rollback`, `serve`, `compare` (SPEC 11.5, 11.16). */
export function addCutover(program: Command, start: Start): void {
  const cutover = program
    .command('cutover')
    .description('Move browsers from the upstream (Reverb) to Wavehall, and back')
    .option('--url <url>', 'address of a running wavehall (http://127.0.0.1 and REVERB_SERVER_PORT)')
    .option('--token <token>', 'token of its admin API (WAVEHALL_ADMIN_TOKEN)')
    .option('--env-file <file>', "read variables from Laravel's .env; variables that are set already win")
    .option('--json', 'print JSON')
    .action((flags: CutoverFlags) => printStatus(flags, (admin) => askAdmin(admin, 'GET', '/cutover')));
  cutover
    .command('set <percent>')
    .description('Set the percentage of browsers for Wavehall')
    .option('--move', 'also move connected browsers that belong to the other server at the new percentage')
    .option('--force', FORCE)
    .action((percent: string, flags: SetFlags) => set(cutover.opts(), percent, flags));
  cutover
    .command('rollback')
    .description('Roll back: move every browser to the upstream')
    .option('--last-good', 'only to the latest percentage that held without a breach')
    .option('--stay', 'do not move connected browsers')
    .option('--force', FORCE)
    .action((flags: RollbackFlags) => rollBack(cutover.opts(), flags));
  addServe(cutover, start);
  addCompare(cutover);
}

function addServe(cutover: Command, start: Start): void {
  addStartFlags(cutover.command('serve'))
    .description('Start the server as a proxy in front of the upstream')
    .option('--upstream <url>', 'address of the upstream (WAVEHALL_CUTOVER_UPSTREAM)')
    .option('--percent <percent>', 'percentage for Wavehall at the first start (WAVEHALL_CUTOVER_PERCENT)')
    .action((own: StartFlags & { upstream?: string; percent?: string }) => {
      const envFile = own.envFile ?? cutover.opts<CutoverFlags>().envFile;
      const { upstream, percent, ...flags } = own;
      return start(
        { ...flags, ...(envFile !== undefined && { envFile }) },
        {
          required: ['WAVEHALL_CUTOVER_UPSTREAM'],
          given: { WAVEHALL_CUTOVER_UPSTREAM: upstream, WAVEHALL_CUTOVER_PERCENT: percent },
        },
      );
    });
}

function rollBack(
  flags: CutoverFlags,
  { lastGood = false, stay = false, force = false }: RollbackFlags,
): Promise<void> {
  const to = lastGood ? 'last-good' : 'zero';
  return printStatus(flags, (admin) =>
    askAdmin(admin, 'POST', '/cutover/rollback', { to, move: !stay, force }),
  );
}

function set(flags: CutoverFlags, given: string, { move = false, force = false }: SetFlags): Promise<void> {
  return printStatus(flags, (admin) => {
    const percent = percentage.parse(given);
    if (percent === undefined)
      throw new Error(`set ${JSON.stringify(given)}: expected ${percentage.expected}`);
    return askAdmin(admin, 'PUT', '/cutover', { percent, move, force });
  });
}

/** Prints the state that the admin API answers. */
async function printStatus(
  flags: CutoverFlags,
  ask: (admin: AdminAddress) => Promise<CutoverStatus>,
): Promise<void> {
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
function adminAddress({ url, token, envFile }: CutoverFlags): AdminAddress {
  const file = envFile === undefined ? {} : readEnvFile(envFile, process.env);
  const variables = { ...file, ...process.env };
  return { url: url ?? localAdminUrl(variables), token: token ?? variables.WAVEHALL_ADMIN_TOKEN };
}
