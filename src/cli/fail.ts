/** Prints each problem on its own line and sets exit code 1. */
export function fail(problems: readonly string[]): void {
  process.stderr.write(problems.map((problem) => `wavehall: ${problem}\n`).join(''));
  process.exitCode = 1;
}
