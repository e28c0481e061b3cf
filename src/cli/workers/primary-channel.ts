import type { PortHandle } from '../../server/handover/peer.ts';
import type { Order, Report } from './messages.ts';

export type Signal = 'SIGTERM' | 'SIGINT' | 'SIGHUP';

/** The way of a serving process to its primary. */
export interface PrimaryChannel {
  /** Resolves when the report has left; it is dropped if the primary has ended. */
  send(report: Report, handle?: PortHandle): Promise<void>;
  /** Called once. */
  onOrder(listener: (order: Order, handle?: PortHandle) => void): void;
  /** Calls the listener at a signal that the primary does not receive for it. */
  onSignal(signal: Signal, listener: () => void): void;
  /** Ends the serving process. */
  exit(): void;
}

/** The channel of a process that the primary has started. */
export const processChannel: PrimaryChannel = {
  send: (report, handle) =>
    new Promise((resolve) => {
      if (process.send === undefined) resolve();
      else process.send(report, handle as never, undefined, () => resolve());
    }),
  onOrder: (listener) => void process.on('message', listener as never),
  onSignal: (signal, listener) => void process.on(signal, listener),
  exit: () => process.exit(0),
};

/** Reports why this worker cannot start. The primary prints it, once for all workers, and ends this process. */
export const failAsWorker = (problems: readonly string[]): void =>
  void processChannel.send({ report: 'failed', problems });
