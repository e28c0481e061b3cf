import type { Command } from 'commander';
import { sleep } from '../../core/util/time.ts';
import type { RestartState } from '../../server/worker-group.ts';
import { type AdminAddress, askAdmin } from '../admin-client.ts';
import { addAdminOptions, adminAddress, type ServerFlags } from '../client/options.ts';
import { print, runCommand, shown, wantsJson } from '../client/output.ts';

const ASK_EVERY_MS = 300;
/** Time for which the server may fail to answer while its workers are replaced. */
const PATIENCE_MS = 30_000;

/** `wavehall restart`: replaces the processes of a running server one by one, and returns when that is done. */
export function addRestart(program: Command): void {
  addAdminOptions(program.command('restart'))
    .description(
      'Replace the process of a running server, or its workers one by one, without closing the port',
    )
    .action((flags: ServerFlags) =>
      runCommand(async () => {
        const admin = adminAddress(flags);
        const begun = await askAdmin<RestartState>(admin, 'POST', '/restart');
        const ended = await follow(admin, begun, wantsJson(flags) ? () => undefined : printProgress);
        print(flags, ended, () => [outcome(ended)]);
        if (ended.phase !== 'done')
          throw new Error(`${replacedIn(ended)}: ${shown(ended.problem ?? 'the server was started anew')}`);
      }),
    );
}

const outcome = ({ phase, workers, startedAtMs, endedAtMs }: RestartState): string =>
  phase === 'done'
    ? `${workers === 1 ? 'The process is' : `All ${workers} workers are`} replaced, in ${((endedAtMs - startedAtMs) / 1000).toFixed(1)} s.`
    : 'The restart has ended early; what was not replaced serves on.';

const replacedIn = ({ replaced, workers }: RestartState): string =>
  workers === 1
    ? `The process is ${replaced === 1 ? 'replaced' : 'not replaced yet'}`
    : `${replaced} of ${workers} workers are replaced`;

const printProgress = (state: RestartState): void => void process.stdout.write(`${replacedIn(state)} …\n`);

/** Asks for the state until the restart has ended; `progress` gets each new one. */
async function follow(
  admin: AdminAddress,
  begun: RestartState,
  progress: (state: RestartState) => void,
): Promise<RestartState> {
  let latest = begun;
  let answeredMs = performance.now();
  progress(latest);
  while (latest.phase === 'running') {
    await sleep(ASK_EVERY_MS);
    try {
      const state = await askAdmin<RestartState>(admin, 'GET', '/restart');
      if (state.replaced > latest.replaced && state.phase === 'running') progress(state);
      latest = state;
      answeredMs = performance.now();
    } catch (error) {
      if (performance.now() - answeredMs > PATIENCE_MS) throw error;
    }
  }
  return latest;
}
