/** Messages between the measured server and its parent. */
export interface MeasuredApp {
  readonly port: number;
  readonly id: string;
  readonly key: string;
  readonly secret: string;
}

export interface Usage {
  readonly cpuUs: number;
  readonly rssKib: number;
  readonly heapKib: number;
}

/** `memory`: collects garbage before the reading. */
export type Question = 'cpu' | 'memory';
