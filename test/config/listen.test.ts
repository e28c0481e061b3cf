import { expect, test } from 'vitest';
import { METRICS_SOCKETS, socketShares } from '../../src/config/listen.ts';

test('8.13 each port has sockets of its own, and together they have no more than the process', () => {
  expect(socketShares({ apiPort: undefined, metricsPort: undefined }, 960)).toMatchObject({ main: 960 });
  const { main, api, metrics } = socketShares({ apiPort: 1, metricsPort: 2 }, 960);
  expect([main + api + metrics, api, metrics]).toEqual([960, 120, METRICS_SOCKETS]);
  expect(socketShares({ apiPort: 1, metricsPort: 2 }, 0)).toEqual({
    main: 0,
    api: 0,
    metrics: METRICS_SOCKETS,
  });
});
