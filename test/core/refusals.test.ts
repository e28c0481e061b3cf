import { expect, test } from 'vitest';
import { Refusals } from '../../src/core/refusals/refusals.ts';

function refusals() {
  const lines: [string, object | undefined][] = [];
  const clock = { now: 1_000_000 };
  const logger = { warn: (what: string, details?: object) => void lines.push([what, details]) };
  return { lines, clock, refusals: new Refusals(logger, () => clock.now) };
}

test('the first refusal of a reason is logged at once, with an example', () => {
  const { lines, refusals: counted } = refusals();
  counted.count('unknown_app', { key: 'nobody', address: '10.0.0.1' });
  expect(lines).toEqual([
    [
      'Clients asked for an app key that is not configured',
      { reason: 'unknown_app', count: 1, key: 'nobody', address: '10.0.0.1' },
    ],
  ]);
});

test('more of the same reason are one line a minute, with their number and the newest example', () => {
  const { lines, clock, refusals: counted } = refusals();
  for (let index = 0; index < 100; index += 1) counted.count('origin', { origin: `https://${index}.test` });
  clock.now += 59_999;
  counted.tick();
  expect(lines).toHaveLength(1);
  clock.now += 1;
  counted.tick();
  expect(lines.slice(1).map(([, details]) => details)).toEqual([
    { reason: 'origin', count: 99, origin: 'https://99.test' },
  ]);
  clock.now += 600_000;
  counted.tick();
  expect(lines).toHaveLength(2);
});

test('each reason has a line and a number of its own', () => {
  const { lines, refusals: counted } = refusals();
  counted.count('http_size');
  counted.count('http_rate');
  counted.count('http_rate');
  expect(lines).toHaveLength(2);
  expect([...(counted.metrics[0]?.values() ?? [])]).toEqual([
    [['http_size'], 1],
    [['http_rate'], 2],
  ]);
});

test('11.5 the section of the limits has each that was reached, how often and when last, the last one first', () => {
  const { clock, refusals: counted } = refusals();
  expect([counted.status.name, counted.status.read()]).toEqual(['limits', { reached: [] }]);
  counted.count('http_size');
  counted.count('server_full');
  counted.count('unknown_app');
  clock.now += 5000;
  counted.count('http_size', {}, 'eventDataBytes');
  counted.count('server_full');
  clock.now += 1000;
  counted.count('http_size');
  const at = (ms: number) => new Date(1_000_000 + ms).toISOString();
  expect(counted.status.read()).toEqual({
    reached: [
      { limit: 'REVERB_MAX_REQUEST_SIZE', count: 2, last: at(6000) },
      { limit: 'WAVEHALL_MAX_CONNECTIONS', count: 2, last: at(5000) },
      { limit: 'WAVEHALL_MAX_EVENT_DATA_SIZE', count: 1, last: at(5000) },
    ],
  });
});
