import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { PortHandle } from '../../server/handover/peer.ts';
import type { Order, Report } from '../workers/messages.ts';
import type { PrimaryChannel } from '../workers/primary-channel.ts';
import type { ProcessEnd, ServingProcess } from '../workers/serving-process.ts';

/** Time after which nothing uses the server any more that has stopped. */
const SETTLED_MS = 5000;

/**
 * This process as one that serves for its own primary, with both ends of the channel between them. When the server in it has
 * stopped, the process goes on as the primary of the one that replaced it.
 */
export function ownProcess(): { readonly process: ServingProcess; readonly channel: PrimaryChannel } {
  let receiveOrder: (order: Order, handle?: PortHandle) => void = () => undefined;
  let receiveReport: (report: Report, handle?: PortHandle) => void = () => undefined;
  let ended: (end: ProcessEnd) => void = () => undefined;
  return {
    process: {
      pid: process.pid,
      sendsCopies: false,
      send: (order, handle) => Promise.resolve().then(() => receiveOrder(order, handle)),
      // A server that cannot start ends this process.
      kill: () => undefined,
      onReport: (listener) => void (receiveReport = listener),
      onEnd: (listener) => void (ended = listener),
    },
    channel: {
      send: (report, handle) => Promise.resolve().then(() => receiveReport(report, handle)),
      onOrder: (listener) => void (receiveOrder = listener),
      // The primary handles the signals of this process.
      onSignal: () => undefined,
      exit() {
        receiveOrder = () => undefined;
        ended({ code: 0, reason: null });
        setTimeout(freeMemory, SETTLED_MS).unref();
      },
    },
  };
}

/** Collects garbage once: a process that only waits would keep the memory of the server that ran in it. */
function freeMemory(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}
