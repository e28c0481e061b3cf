import { USAGE, wantedOf } from './arguments.ts';
import { attack } from './attack.ts';
import { outcomeLine } from './report.ts';
import { filesOf, heldBy, type Target } from './target.ts';

/** An attack could not begin. */
class CannotBegin extends Error {}

/** Checks that the server answers, that no client is connected (it could be harmed, or counted as a leftover), and that the process can be seen. */
async function checkTarget(target: Target): Promise<void> {
  const address = `${target.host}:${target.port}${target.prefix}`;
  const { connections, channels } = await heldBy(target).catch((error: unknown) => {
    throw new CannotBegin(`${address} cannot be asked for its connections: ${(error as Error).message}`);
  });
  if (connections > 0 || channels.length > 0)
    throw new CannotBegin(
      `${address} has ${connections} connections and ${channels.length} channels: attack a server that nobody uses`,
    );
  if (target.pid !== undefined && filesOf(target) === undefined)
    throw new CannotBegin(
      `--pid ${target.pid}: its files cannot be seen (another machine or user, or no such process)`,
    );
}

async function main(args: readonly string[]): Promise<number> {
  const wanted = wantedOf(args);
  if ('show' in wanted) {
    console.log(wanted.show);
    return 0;
  }
  const { target, seed, attacks } = wanted;
  await checkTarget(target);
  let found = 0;
  for (const each of attacks) {
    const outcome = await attack(target, each, { seed });
    console.log(outcomeLine(outcome));
    if (outcome.faults.length > 0) found += 1;
  }
  console.log(
    found === 0
      ? `Nothing found in ${attacks.length} attacks with seed ${seed}.`
      : `${found} of ${attacks.length} attacks with seed ${seed} found something (FAIL).`,
  );
  return found === 0 ? 0 : 1;
}

// An attack that could not go on may have left timers.
const code = await main(process.argv.slice(2)).catch((error: unknown) => {
  const { message } = error as Error;
  // An attack that fails here is a finding too: the server no longer answers.
  const isBeginning = error instanceof CannotBegin || !/ECONN|EPIPE|within \d+ ms|no upgrade/.test(message);
  console.error(isBeginning ? message : `FAIL the server no longer takes connections: ${message}`);
  if (isBeginning && !(error instanceof CannotBegin)) console.error(`\n${USAGE}`);
  return isBeginning ? 2 : 1;
});
process.exit(code);
