import { expect, test } from 'vitest';
import { appKeyIn } from '../../src/transports/websocket.ts';

test.each([
  ['/app/key', '', 'key'],
  ['/app/key/', '', 'key'],
  ['/app/a%2Fb', '', 'a/b'],
  ['/app/%C3%BC', '', 'ü'],
  ['/app/__proto__', '', '__proto__'],
  ['/app/key', 'ws', 'key'],
  ['/ws/app/key', 'ws', 'key'],
  ['/ws/app/key/', 'ws', 'key'],
  ['/a/b/app/key', 'a/b', 'key'],
  ['/app/app/key', 'app', 'key'],
  ['/ws/app/key', '', undefined],
  ['/other/app/key', 'ws', undefined],
  ['/wsx/app/key', 'ws', undefined],
  ['/ws/ws/app/key', 'ws', undefined],
  ['/WS/app/key', 'ws', undefined],
  ['/App/key', '', undefined],
  ['/app', '', undefined],
  ['/app/', '', undefined],
  ['/app//', '', undefined],
  ['/app//key', '', undefined],
  ['//app/key', '', undefined],
  ['/app/key//', '', undefined],
  ['/app/key/more', '', undefined],
  ['/app/%', '', undefined],
  ['/app/%E0%A4%A', '', undefined],
  ['/apps/key', '', undefined],
  ['app/key', '', undefined],
  ['', '', undefined],
  ['/', '', undefined],
  ['*', '', undefined],
])('2.1 the key in %j behind the prefix %j is %j', (path, prefix, key) => {
  expect(appKeyIn(path, prefix)).toBe(key);
});
