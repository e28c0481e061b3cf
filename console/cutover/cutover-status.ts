export type Side = 'wavehall' | 'upstream';
export const SIDES: readonly Side[] = ['wavehall', 'upstream'];

type Sides<T> = Readonly<Record<Side, T>>;

interface Checks {
  readonly good: number;
  readonly bad: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

type CheckName = 'clients' | 'connects' | 'subscribes' | 'api' | 'delivery' | 'arrivals';

interface Health extends Readonly<Record<CheckName, Checks>> {
  readonly loopMs: number | null;
  readonly breaches: readonly { readonly of: string; readonly text: string }[];
}

interface Bridge {
  readonly app: string;
  readonly connected: boolean;
  readonly lastError?: string;
  readonly channels: number;
  readonly members: number;
  readonly forwarded: number;
  readonly received: number;
  readonly queue: { readonly events: number };
  readonly dropped: Readonly<Record<string, number>>;
}

/** Answer of `/cutover`, as far as it is shown. */
export interface Cutover {
  readonly upstream: string;
  readonly percentage: {
    readonly percent: number;
    readonly lastGood: number;
    readonly changedAtMs: number;
    readonly changedBy: string;
    readonly isShared: boolean;
  };
  readonly split: Readonly<Record<'open' | 'total' | 'failovers', Sides<number>>>;
  readonly watch: { readonly health: Sides<Health>; readonly rollback: { readonly isBlocked: boolean } };
  readonly bridge: readonly Bridge[];
}

const CHECKS: readonly (readonly [name: CheckName, title: string])[] = [
  ['clients', 'clients answered'],
  ['connects', 'test connects'],
  ['subscribes', 'test subscriptions'],
  ['api', 'signed API requests'],
  ['delivery', 'test events, same server'],
  ['arrivals', 'test events from the other server'],
];

/** Rows of the table of both servers. */
export function sideRows({ split, watch: { health } }: Cutover): string[][] {
  const row = (title: string, cell: (side: Side) => string): string[] => [title, ...SIDES.map(cell)];
  return [
    row('clients connected', (side) => String(split.open[side])),
    row('clients since start', (side) => String(split.total[side])),
    row('failovers', (side) => String(split.failovers[side])),
    ...CHECKS.map(([name, title]) => row(title, (side) => checksOf(health[side][name]))),
    row('event loop p99', (side) => milliseconds(health[side].loopMs)),
    row('health', (side) => healthOf(health[side])),
  ];
}

/** `120 ok, 3 failed, 4/11 ms`: the times are p50 and p99. */
function checksOf({ good, bad, p50Ms, p99Ms }: Checks): string {
  if (good + bad === 0) return '–';
  const failed = bad === 0 ? '' : `, ${bad} failed`;
  const times = p50Ms === null ? '' : `, ${Math.round(p50Ms)}/${Math.round(p99Ms ?? 0)} ms`;
  return `${good} ok${failed}${times}`;
}

const milliseconds = (value: number | null): string => (value === null ? '–' : `${Math.round(value)} ms`);

function healthOf({ breaches, connects, delivery }: Health): string {
  if (breaches.length > 0) return `over its limit: ${breaches.map((each) => each.of).join(', ')}`;
  return connects.good + connects.bad + delivery.good + delivery.bad > 0 ? 'good' : 'not known yet';
}
