/**
 * Costs on the machine of the benchmark: AMD EPYC, 2 cores, Node 24, 21 November 2026. Each is a figure of docs/performance.md,
 * whose block is named; test/docs/figures.test.ts compares them.
 */
export const BENCHMARK = {
  /** CPU of one event and of one delivery of it: block `cost`, fitted over channels with 1 to 10,000 subscribers. */
  eventUs: 48.87,
  deliveryUs: 7.77,
  /** CPU of a signed request without subscribers: block `trigger`. */
  triggerUs: 27.91,
  /** CPU of one delivery of a single event to 1,000 sockets: block `fan-out`. */
  fanOutUs: 6.93,
  /** CPU of connecting, subscribing and disconnecting: block `handshake`. */
  handshakeUs: 150,
  /** Memory of the process for one more subscriber: block `memory`. */
  socketKib: 3.54,
  /** CPU of 333 pings per second: block `idle`, in % of a core. */
  pingsPercent: 5.37,
  pingsPerSecond: 333,
  /** Over Redis, with many events at a time: CPU of the publishing and of a receiving node, and of Redis, per event: block `cross-node`. */
  publishUs: 51.15,
  receiveUs: 5.07,
  redisUs: 5.8,
} as const;

/** Memory of the kernel for a socket: half of a pair on the loopback (9.4 KiB, block `connect`). */
export const KERNEL_KIB = 4.7;
