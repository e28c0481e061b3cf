import type { Report } from './messages.ts';

/** Sends a report to the primary; drops it if the primary has ended. */
export const sendToPrimary = (report: Report): void => void process.send?.(report, () => undefined);

/** Reports why this worker cannot start. The primary prints it, once for all workers, and ends this process. */
export const failAsWorker = (problems: readonly string[]): void =>
  sendToPrimary({ report: 'failed', problems });
