import type { ChildProcess } from 'node:child_process';
import type { PortHandle } from '../../server/handover/peer.ts';
import type { Order, Report } from './messages.ts';

/** How a process ended: with a code, or by a signal or a problem. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly reason: string | null;
}

/** A process that serves, as the primary sees it. */
export interface ServingProcess {
  /** 0 when no process could be started. */
  readonly pid: number;
  /** True when the handles of its reports are copies, which the primary has to close. */
  readonly sendsCopies: boolean;
  /** Resolves when the order has left; it is dropped when the process has ended. */
  send(order: Order, handle?: PortHandle): Promise<void>;
  kill(): void;
  /** Called once. */
  onReport(listener: (report: Report, handle?: PortHandle) => void): void;
  /** Called once; the listener is called once. */
  onEnd(listener: (end: ProcessEnd) => void): void;
}

/** A process that this one has started with a channel for messages. */
export const childProcess = (child: ChildProcess): ServingProcess => ({
  pid: child.pid ?? 0,
  sendsCopies: true,
  send: (order, handle) =>
    new Promise((resolve) => {
      if (child.connected) child.send(order, handle as never, () => resolve());
      else resolve();
    }),
  kill: () => void child.kill('SIGKILL'),
  onReport: (listener) => void child.on('message', listener as never),
  onEnd(listener) {
    let hasEnded = false;
    const end = (code: number | null, reason: string | null): void => {
      if (!hasEnded) listener({ code, reason });
      hasEnded = true;
    };
    child.once('exit', end);
    // A process that could not be started has no exit event.
    child.on('error', (error) => end(null, error.message));
  },
});

/** A process that could not be started. */
export const failedProcess = (reason: string): ServingProcess => ({
  pid: 0,
  sendsCopies: false,
  send: () => Promise.resolve(),
  kill: () => undefined,
  onReport: () => undefined,
  onEnd: (listener) => queueMicrotask(() => listener({ code: null, reason })),
});
