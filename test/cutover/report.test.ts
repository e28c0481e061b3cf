import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { ChannelFindings } from '../../src/cutover/compare/compare-channel.ts';
import type { Comparison } from '../../src/cutover/compare/compare.ts';
import { comparisonTable } from '../../src/cutover/compare/comparison-report.ts';
import type { SideReport } from '../../src/cutover/watch/health.ts';
import type { BridgeState } from '../../src/cutover/bridge/bridge.ts';
import { type CutoverStatus, statusTable } from '../../src/cutover/status/status-report.ts';

const PLAIN = { colour: false };
const NOTHING = { good: 0, bad: 0, p50Ms: null, p99Ms: null };
const UNMEASURED: SideReport = {
  connects: NOTHING,
  subscribes: NOTHING,
  api: NOTHING,
  delivery: NOTHING,
  arrivals: NOTHING,
  clients: NOTHING,
  loopMs: null,
  breaches: [],
};
const BRIDGE: BridgeState = {
  app: 'shop',
  connected: true,
  channels: 12,
  members: 40,
  connections: 6,
  queue: { events: 3, bytes: 900, oldestMs: 20 },
  forwarded: 1204,
  received: 88,
  clientEventsSent: 4,
  clientEventsReceived: 5,
  echoesDropped: 1204,
  dropped: {},
  gaps: 0,
  gapMs: 0,
  lagMs: 2.4,
  lastError: undefined,
};
const HEALTHY: CutoverStatus = {
  upstream: 'http://127.0.0.1:8081',
  percentage: {
    percent: 25,
    lastGood: 5,
    changedAtMs: 1_800_000_000_000,
    changedBy: 'ada',
    move: false,
    isShared: true,
  },
  split: {
    open: { wavehall: 250, upstream: 750 },
    total: { wavehall: 900, upstream: 2711 },
    failovers: { wavehall: 7, upstream: 0 },
  },
  watch: {
    health: {
      wavehall: {
        ...UNMEASURED,
        connects: { good: 20, bad: 0, p50Ms: 3, p99Ms: 9 },
        clients: { good: 120, bad: 0, p50Ms: 3, p99Ms: 9 },
        delivery: { good: 20, bad: 0, p50Ms: 4.4, p99Ms: 11 },
        arrivals: { good: 19, bad: 1, p50Ms: 7, p99Ms: 30 },
        loopMs: 12.2,
      },
      upstream: { ...UNMEASURED, delivery: { good: 20, bad: 0, p50Ms: 5, p99Ms: 14 } },
    },
    rollback: {
      breachSinceMs: null,
      isBlocked: false,
      last: null,
      counts: { toLastGood: 0, toZero: 0, blocked: 0, failed: 0 },
    },
    canary: {
      rounds: 99,
      doubled: { wavehall: 0, upstream: 0 },
      notAllowed: { wavehall: null, upstream: null },
    },
    notifications: null,
  },
  bridge: [BRIDGE],
};

const withWatch = (changes: Partial<CutoverStatus['watch']>): CutoverStatus => ({
  ...HEALTHY,
  watch: { ...HEALTHY.watch, ...changes },
});

describe('the table of both servers', () => {
  test('11.5 shows the health of both servers side by side', () => {
    expect(statusTable(HEALTHY, PLAIN)).toBe(
      [
        'Wavehall has 25 % of the browsers, set 2027-01-15T08:00:00Z by ada',
        'Last good: 5 %. Upstream: http://127.0.0.1:8081',
        '',
        'Checks within WAVEHALL_CUTOVER_WINDOW_SECONDS: ok, failed, p50/p99 ms.',
        '                                   Wavehall                          upstream',
        'clients connected                  250                               750',
        'clients since start                900                               2711',
        'failovers                          7                                 0',
        'clients answered                   120 ok, 3/9 ms                    –',
        'test connects                      20 ok, 3/9 ms                     –',
        'test subscriptions                 –                                 –',
        'signed API requests                –                                 –',
        'test events, same server           20 ok, 4/11 ms                    20 ok, 5/14 ms',
        'test events from the other server  19 ok, 1 failed (5.0 %), 7/30 ms  –',
        'event loop p99                     12 ms                             –',
        'health                             good                              good',
        '',
        'bridge  state      channels  members  sockets  to upstream  from upstream  client events  waiting  ping  dropped  gaps (total time)',
        'shop    connected  12        40       6        1204         88             4/5            3        2 ms  0        0',
        '',
      ].join('\n'),
    );
  });

  test('11.5 aligns its columns whatever their contents', () => {
    const lines = statusTable(HEALTHY, PLAIN).split('\n').slice(4, 16);
    const column = lines[0]?.indexOf('upstream') ?? -1;
    for (const line of lines) expect(line.slice(column - 2, column)).toBe('  ');
    for (const line of lines) expect(line[column]).toMatch(/\S/);
  });

  test('11.14 marks a breach, with its value and its limit', () => {
    const breaches = [
      {
        of: 'delivery',
        value: 0.4,
        limit: 0.1,
        text: '40 % of the canary events were lost (limit 10 %)',
        causesRollback: true,
      },
    ] as const;
    const { health } = HEALTHY.watch;
    const text = statusTable(
      withWatch({
        health: { ...health, wavehall: { ...health.wavehall, breaches } },
        rollback: { ...HEALTHY.watch.rollback, breachSinceMs: 1_800_000_000_000 },
      }),
      PLAIN,
    );
    expect(text).toMatch(/^health +BREACH: delivery +good$/m);
    expect(text).toContain('! Wavehall: 40 % of the canary events were lost (limit 10 %)');
    expect(text).toContain('Wavehall has exceeded a limit since 2027-01-15T08:00:00Z.');
  });

  test('11.15 prints the last rollback, and why a breach caused none', () => {
    const last = {
      atMs: 1_800_000_000_000,
      fromPercent: 50,
      toPercent: 0,
      breachMs: 10_000,
      reasons: [{ of: 'api', text: '9 % of the API requests failed (limit 5 %)' }] as const,
    };
    const { counts } = HEALTHY.watch.rollback;
    const text = statusTable(
      withWatch({ rollback: { breachSinceMs: 1, isBlocked: true, last, counts } }),
      PLAIN,
    );
    expect(text).toContain(
      'Last rollback: 2027-01-15T08:00:00Z, from 50 % to 0 %: 9 % of the API requests failed (limit 5 %)',
    );
    expect(text).toContain('the percentage stays, because the upstream cannot be reached');
  });

  test('11.5 names in words what is disconnected, dropped or not shared', () => {
    const text = statusTable(
      {
        ...HEALTHY,
        percentage: { ...HEALTHY.percentage, isShared: false },
        bridge: [
          {
            ...BRIDGE,
            connected: false,
            lagMs: undefined,
            lastError: 'connect ECONNREFUSED',
            gaps: 2,
            gapMs: 1500,
            dropped: { 'queue-full': 3, 'too-old': 0, refused: 4 },
          },
        ],
        watch: {
          ...HEALTHY.watch,
          canary: {
            rounds: 9,
            doubled: { wavehall: 2, upstream: 0 },
            notAllowed: { wavehall: null, upstream: 'HTTP 401' },
          },
          notifications: { sent: 1, failed: 1, dropped: 1 },
        },
      },
      PLAIN,
    );
    expect(text).toMatch(/^shop +DISCONNECTED .* – +7 +2 \(1500 ms\)$/m);
    for (const sentence of [
      'The last change is not saved yet: other nodes and the next start do not have it.',
      '! shop dropped: 3 queue-full, 4 refused',
      '! shop: connect ECONNREFUSED',
      'The test client (canary) is refused by the upstream: HTTP 401',
      '2 canary events arrived twice at Wavehall.',
      '2 notifications could not be delivered.',
    ])
      expect(text).toContain(sentence);
    expect(statusTable(withWatch({ canary: null }), PLAIN)).toContain('WAVEHALL_CUTOVER_CANARY_SECONDS=0');
  });

  test('11.5 shows the health of a server that was not measured as not known yet', () => {
    const { health } = HEALTHY.watch;
    const text = statusTable(withWatch({ health: { ...health, upstream: UNMEASURED } }), PLAIN);
    expect(text).toMatch(/^health +good +not known yet$/m);
  });

  test('11.5 adds colours to the same text, and only when they are wanted', () => {
    const plain = statusTable(HEALTHY, PLAIN);
    const coloured = statusTable(HEALTHY, { colour: true });
    expect(coloured).not.toBe(plain);
    expect(stripVTControlCharacters(coloured)).toBe(plain);
    expect(plain).not.toContain('\u001B');
  });

  test('11.5 removes control characters from foreign text', () => {
    const evil = '\u001B[2Jx\r\n';
    const text = statusTable(
      {
        ...HEALTHY,
        upstream: evil,
        percentage: { ...HEALTHY.percentage, changedBy: evil },
        bridge: [{ ...BRIDGE, app: evil, connected: false, lastError: evil, dropped: { [evil]: 1 } }],
      },
      PLAIN,
    );
    expect(text).not.toMatch(/[\u001B\r]/);
  });
});

describe('the table of a comparison', () => {
  const found: ChannelFindings = {
    received: { wavehall: 100, upstream: 99 },
    same: 98,
    missing: { wavehall: 0, upstream: 1 },
    doubled: { wavehall: 1, upstream: 0 },
    different: 0,
    reordered: 0,
    crossed: 4,
    behind: {
      wavehall: { count: 50, p50Ms: 3.2, p99Ms: 20 },
      upstream: { count: 0, p50Ms: null, p99Ms: null },
    },
    examples: ['missing at the upstream: a {"x":\u001B1}'],
  };
  const comparison: Comparison = {
    isGo: false,
    reasons: ['orders: 1 missing at the upstream.'],
    judgedMs: 60_000,
    channels: { orders: found, 'private-long-name': { ...found, examples: [] } },
  };

  test('11.16 has a line for each channel, the first faults and the verdict', () => {
    expect(comparisonTable(comparison, PLAIN).split('\n')).toEqual([
      'Compared for 1 min; missing and doubled: Wavehall/upstream; behind: p50/p99',
      '',
      'channel            Wavehall  upstream  same  missing  doubled  different  reordered  crossed  Wavehall behind  upstream behind',
      'orders             100       99        98    0/1      1/0      0          0          4        3/20 ms          –',
      'private-long-name  100       99        98    0/1      1/0      0          0          4        3/20 ms          –',
      '',
      'First faults:',
      '  orders: missing at the upstream: a {"x": 1}',
      '',
      'NO GO:',
      '  orders: 1 missing at the upstream.',
      '',
    ]);
  });

  test('11.16 prints GO without faults, and the reason when no server could be compared', () => {
    expect(comparisonTable({ ...comparison, isGo: true, reasons: [] }, PLAIN)).toContain(
      'GO: both servers delivered the same events.',
    );
    const reasons = ['no connection to the upstream: no.'];
    expect(comparisonTable({ isGo: false, reasons, judgedMs: 0, channels: {} }, PLAIN)).toBe(
      'NO GO:\n  no connection to the upstream: no.\n',
    );
    expect(stripVTControlCharacters(comparisonTable(comparison, { colour: true }))).toBe(
      comparisonTable(comparison, PLAIN),
    );
  });
});
