import { USAGE, parseCommand } from './arguments.ts';
import { attack } from './attack.ts';
import { outcomeLine } from './report.ts';
import { filesOf, occupancyOf, type Target } from './target.ts';

/** The attacks cannot start. */
class CannotStart extends Error {}

/** Checks that the server answers, that it has no client (it could be harmed, or counted as a leftover), and that the files of the process can be read. */
async function checkTarget(target: Target): Promise<void> {
  const address = `${target.host}:${target.port}${target.prefix}`;
  const { connections, channels } = await occupancyOf(target).catch((error: unknown) => {
    throw new CannotStart(`${address}: cannot read its connections: ${(error as Error).message}`);
  });
  if (connections > 0 || channels.length > 0)
    throw new CannotStart(
      `${address} has ${connections} connections and ${channels.length} channels: attack a server without users`,
    );
  if (target.pid !== undefined && filesOf(target) === undefined)
    throw new CannotStart(
      `--pid ${target.pid}: its files cannot be read (another machine or user, or no such process)`,
    );
}

async function main(args: readonly string[]): Promise<number> {
  const command = parseCommand(args);
  if ('show' in command) {
    console.log(command.show);
    return 0;
  }
  const { target, seed, attacks } = command;
  await checkTarget(target);
  let failed = 0;
  for (const each of attacks) {
    const outcome = await attack(target, each, { seed });
    console.log(outcomeLine(outcome));
    if (outcome.faults.length > 0) failed += 1;
  }
  console.log(
    failed === 0
      ? `Nothing found in ${attacks.length} attacks with seed ${seed}.`
      : `${failed} of ${attacks.length} attacks with seed ${seed} succeeded (FAIL).`,
  );
  return failed === 0 ? 0 : 1;
}

// An attack that failed may have left timers, so the process exits explicitly.
const code = await main(process.argv.slice(2)).catch((error: unknown) => {
  const { message } = error as Error;
  // A connection error here is a finding too: the server no longer answers.
  const isUsageError = error instanceof CannotStart || !/ECONN|EPIPE|within \d+ ms|no upgrade/.test(message);
  console.error(isUsageError ? message : `FAIL the server no longer accepts connections: ${message}`);
  if (isUsageError && !(error instanceof CannotStart)) console.error(`\n${USAGE}`);
  return isUsageError ? 2 : 1;
});
process.exit(code);
