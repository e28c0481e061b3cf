/** Input of every scenario: the servers, the sizes, and where to report what was left out. */
import { loadavg } from 'node:os';
import type { Contestant } from './contestants.ts';
import type { LeftOut, Row } from './figures.ts';
import { type GeneratorKind, Load } from './load.ts';
import type { Pinning } from './machine.ts';
import type { Native } from './native.ts';

export interface Sizes {
  readonly rounds: number;
  /** Duration of one measurement. */
  readonly seconds: number;
  /** Factor for the numbers of sockets and channels. */
  readonly scale: number;
}

export const FULL: Sizes = { rounds: 6, seconds: 0.8, scale: 1 };
export const QUICK: Sizes = { rounds: 2, seconds: 0.2, scale: 0.2 };

export interface Scenario {
  readonly name: string;
  readonly title: string;
  /** Placement of processes on cores, if it differs from the default. */
  readonly pinning?: string;
  /** Measures the servers that support the scenario and returns their rows. */
  run(bench: Bench): Promise<Row[]>;
}

interface Setting {
  readonly sizes: Sizes;
  readonly contestants: readonly Contestant[];
  readonly generator: GeneratorKind;
  readonly native: Native | undefined;
  /** Largest number of sockets of the generator. */
  readonly maxSockets: number;
  readonly pinning: Pinning;
}

export class Bench {
  readonly sizes: Sizes;
  readonly setting: Setting;
  readonly leftOut: LeftOut[] = [];
  #scenario = '';

  constructor(setting: Setting) {
    this.setting = setting;
    this.sizes = setting.sizes;
  }

  /** Servers whose processes still run. */
  get contestants(): Contestant[] {
    return this.setting.contestants.filter((each) => {
      if (each.isAlive()) return true;
      this.leaveOut(each.name, 'its process has ended');
      return false;
    });
  }

  /** Records what is not measured; it is printed immediately and again under the table. */
  leaveOut(subject: string, why: string): void {
    const what = this.#scenario === '' ? subject : `${this.#scenario}: ${subject}`;
    if (this.leftOut.some((each) => each.what === what && each.why === why)) return;
    this.leftOut.push({ what, why });
    console.error(`left out: ${what}: ${why}`);
  }

  scaled(count: number): number {
    return Math.max(1, Math.round(count * this.sizes.scale));
  }

  /** Returns `wanted`, or the largest number of sockets that server and generator can have. */
  socketsOn(contestant: Contestant, wanted: number): number {
    const possible = Math.min(wanted, contestant.maxSockets, this.setting.maxSockets);
    if (possible < wanted)
      this.leaveOut(
        `${wanted} sockets on ${contestant.name}`,
        `${possible} are possible with the open files`,
      );
    return possible;
  }

  /** Starts a generator. `sharesCore`: the server may also run on the core of the generator, which then does not busy-poll. */
  load(contestant: Contestant, sharesCore = false): Load {
    const { generator } = this.setting;
    return Load.start(contestant.endpoint, sharesCore ? { ...generator, isBusyPolling: false } : generator);
  }

  announce({ name }: Scenario): void {
    this.#scenario = name;
    console.error(`${name} (load average ${(loadavg()[0] ?? 0).toFixed(1)}) ...`);
  }
}
