import type { History } from '../../core/traffic/history-merge.ts';
import { type AdminAddress, askAdmin } from '../admin-client.ts';

/** Apps whose figures are asked for; the table names how many more there are. */
export const MAX_APPS = 10;

/** Section `node` of a worker (SPEC 11.5). */
export interface WorkerFigures {
  readonly version: string;
  readonly host: string;
  readonly pid: number;
  readonly uptimeSeconds: number;
  readonly ready: boolean;
  readonly warnings: readonly string[];
  readonly connections: number;
  readonly memoryBytes: number;
}

/** Traffic of the newest step of the history. Rates are those of a second. */
export interface TrafficFigures {
  readonly app: string;
  readonly connections: number;
  readonly messages: number;
  readonly deliveries: number;
  readonly errors: number;
}

export interface Figures {
  readonly workers: readonly WorkerFigures[];
  readonly workersWanted: number;
  /** `undefined`: no step has ended yet. */
  readonly traffic: (TrafficFigures & LatencyFigures & { readonly untilMs: number }) | undefined;
  readonly apps: readonly TrafficFigures[];
  /** Apps with traffic beyond those of `apps`. */
  readonly moreApps: number;
}

interface LatencyFigures {
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  readonly loopDelayMs: number;
}

interface Status {
  readonly workers: readonly { readonly node?: WorkerFigures }[];
  readonly workersWanted: number;
}

/** Reads the figures of a server, again and again. The history is asked for what is new alone. */
export class FiguresReader {
  readonly #admin: AdminAddress;
  readonly #app: string | undefined;
  #sinceMs = 0;
  #known: Pick<Figures, 'traffic' | 'apps' | 'moreApps'> = { traffic: undefined, apps: [], moreApps: 0 };

  /** `app`: the traffic of this one alone; `undefined`: that of all, and that of each. */
  constructor(admin: AdminAddress, app: string | undefined) {
    this.#admin = admin;
    this.#app = app;
  }

  async read(): Promise<Figures> {
    const { workers, workersWanted } = await askAdmin<Status>(this.#admin, 'GET', '/status');
    const history = await this.#history(this.#app);
    const last = lastStep(history);
    if (last === undefined || untilOf(history, last) !== this.#known.traffic?.untilMs)
      this.#known = await this.#traffic(history, last);
    return { workers: workers.flatMap(({ node }) => node ?? []), workersWanted, ...this.#known };
  }

  async #traffic(
    history: History,
    last: number | undefined,
  ): Promise<Pick<Figures, 'traffic' | 'apps' | 'moreApps'>> {
    if (last === undefined) return { traffic: undefined, apps: [], moreApps: 0 };
    const untilMs = untilOf(history, last);
    const latency = {
      p50Ms: history.p50Ms[last] ?? undefined,
      p99Ms: history.p99Ms[last] ?? undefined,
      loopDelayMs: history.loopDelayMs[last] ?? 0,
    };
    const names = this.#app === undefined ? history.apps.slice(0, MAX_APPS) : [];
    const apps: TrafficFigures[] = [];
    for (const app of names) apps.push(trafficOf(app, await this.#history(app), untilMs));
    // The last step is asked for again, as another process may add to it.
    this.#sinceMs = untilMs - history.stepMs;
    const traffic = { ...trafficOf(this.#app ?? '', history, untilMs), ...latency, untilMs };
    return { traffic, apps, moreApps: this.#app === undefined ? history.apps.length - names.length : 0 };
  }

  #history(app: string | undefined): Promise<History> {
    const query = new URLSearchParams({ since: String(this.#sinceMs), ...(app !== undefined && { app }) });
    return askAdmin<History>(this.#admin, 'GET', `/history?${query.toString()}`);
  }
}

/** Place of the newest step that a process has measured. */
function lastStep({ memoryBytes }: History): number | undefined {
  const last = memoryBytes.findLastIndex((value) => value !== null);
  return last < 0 ? undefined : last;
}

const untilOf = ({ fromMs, stepMs }: History, step: number): number => fromMs + (step + 1) * stepMs;

/** Traffic of the step that ends at this time; zeros where there is none. */
function trafficOf(app: string, { fromMs, stepMs, counts }: History, untilMs: number): TrafficFigures {
  const step = Math.round((untilMs - fromMs) / stepMs) - 1;
  const rate = (name: 'messages' | 'deliveries' | 'errors'): number =>
    ((counts[name][step] ?? 0) * 1000) / stepMs;
  return {
    app,
    connections: counts.connections[step] ?? 0,
    messages: rate('messages'),
    deliveries: rate('deliveries'),
    errors: rate('errors'),
  };
}
