import type { Reporter, TestModule, TestRunEndReason } from 'vitest/node';

/**
 * Prints one line at the end of every run: `N passed, N failed, N skipped`. The names of tests that passed only on
 * a retry precede it.
 */
export default class Summary implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[], reason: TestRunEndReason): void {
    const count = { passed: 0, failed: errors.length, skipped: 0 };
    for (const module of modules) {
      const suites = [...module.children.allSuites()];
      // An error outside a test, in a file or a hook, counts as a failure.
      count.failed += module.errors().length + suites.flatMap((suite) => suite.errors()).length;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state !== 'pending') count[state] += 1;
        if (test.diagnostic()?.flaky === true) console.log(`needed a second try: ${test.fullName}`);
      }
    }
    if (reason === 'failed' && count.failed === 0) count.failed = 1;
    console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
  }
}
