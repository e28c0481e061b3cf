import type { Reporter, TestModule, TestRunEndReason } from 'vitest/node';

/**
 * Ends every run with one plain line, `N passed, N failed, N skipped`, counted from what really ran. What needed a second
 * try stands before it, by name.
 */
export default class Summary implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[], reason: TestRunEndReason): void {
    const count = { passed: 0, failed: errors.length, skipped: 0 };
    for (const module of modules) {
      const suites = [...module.children.allSuites()];
      // What breaks outside a test, in a file or a hook, fails the run as a test does.
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
