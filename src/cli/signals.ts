export interface SignalTarget {
  /** Drains. Resolves with the exit code; a second call ends the drain at once. */
  stop(): Promise<number>;
  reload(): void;
}

/** The first SIGTERM or SIGINT drains, a second one ends the drain at once. SIGHUP reads the certificate again. */
export function handleSignals(target: SignalTarget): void {
  const stop = (): void => stopProcess(target);
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('SIGHUP', () => target.reload());
}

/** Drains, then ends this process. */
export const stopProcess = (target: Pick<SignalTarget, 'stop'>): void =>
  void target.stop().then((exitCode) => process.exit(exitCode));
