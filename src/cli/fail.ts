/** Each problem on its line; the command ends with 1. */
export function fail(problems: readonly string[]): void {
  process.stderr.write(problems.map((problem) => `wavehall: ${problem}\n`).join(''));
  process.exitCode = 1;
}
