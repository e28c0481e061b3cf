import { execFileSync } from 'node:child_process';

/** Builds the command, because the tests start the built one. */
export default function setup(): void {
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-b'], { stdio: 'inherit' });
  for (const script of ['scripts/assets.mjs', 'scripts/console.mjs'])
    execFileSync(process.execPath, [script], { stdio: 'inherit' });
}
