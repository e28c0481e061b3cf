import { execFileSync } from 'node:child_process';

/** Tests start the command as users do: built. */
export default function setup(): void {
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-b'], { stdio: 'inherit' });
  execFileSync(process.execPath, ['scripts/assets.mjs'], { stdio: 'inherit' });
}
