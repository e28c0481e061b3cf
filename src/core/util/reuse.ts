/**
 * Makes one call of `ask` answer all calls that arrive while it runs and within `reuseMs` after it: however often the
 * returned function is called, `ask` runs a few times a second at most.
 */
export function reusing<T>(reuseMs: number, ask: () => Promise<T>): () => Promise<T> {
  let recent: Promise<T> | undefined;
  const forgetLater = (): void => void setTimeout(() => (recent = undefined), reuseMs).unref();
  return () => (recent ??= ask().finally(forgetLater));
}
