import { expect, test } from 'vitest';
import { pathOf, responseText, splitTarget } from '../../src/core/util/http-text.ts';

test.each([
  ['/app/k?protocol=7', '/app/k', 'protocol=7'],
  ['/app/k', '/app/k', ''],
  ['/app/k?', '/app/k', ''],
  ['/a?b?c', '/a', 'b?c'],
  ['', '', ''],
  [undefined, '', ''],
])('2.1 a request target is split at its first question mark: %j', (target, path, query) => {
  expect(splitTarget(target)).toEqual([path, query]);
  expect(pathOf(target)).toBe(path);
});

test('2.1 a response has its length in bytes, and only the given body', () => {
  expect(responseText('404 Not Found', ['Connection: close'], 'é')).toBe(
    'HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 2\r\n\r\né',
  );
  expect(responseText('508 Loop Detected', [])).toBe(
    'HTTP/1.1 508 Loop Detected\r\nContent-Length: 0\r\n\r\n',
  );
});
