import { expect, test } from 'vitest';
import { http } from '../support/wire-http.ts';
import { started } from './target.ts';

const server = `node -e "
  const { createServer } = require('node:http');
  createServer((_, answer) => answer.end('{}')).listen(process.env.PORT);
  console.log('with', process.env.NEEDS);
"`;

test('1.1 starts a server for the cases by a command, with and without settings', async () => {
  const target = started('Other', server);
  const shared = await target.shared();
  const own = await target.start({ REVERB_APP_MAX_CONNECTIONS: '1' });
  expect(own?.output()).toContain('with REVERB_APP_MAX_CONNECTIONS=1');
  for (const each of [shared, own!]) {
    expect((await http(each.endpoint, { method: 'GET', path: '/' })).status).toBe(200);
    await each.close();
    await expect(http(each.endpoint, { method: 'GET', path: '/' })).rejects.toThrow();
  }
  expect(target.start({ WAVEHALL_STRICT_INFO: 'true' })).toBeUndefined();
});

test.each([
  [
    'never answers',
    `sh -c 'echo $$; echo starting; sleep 60'`,
    /did not answer GET \/up within 1 s.*starting/s,
  ],
  [
    'accepts connections and does not answer',
    `node -e "require('node:net').createServer().listen(process.env.PORT)"`,
    /did not answer/,
  ],
  ['exits at once', `sh -c 'echo no config; exit 3'`, /ended\. The end of its log:\nno config/],
  ['is an unknown command', 'no-such-command', /ended\. The end of its log:\n.*not found/s],
])(
  "1.1 ends the run with the server's last log lines when the server %s, and stops that server",
  async (_what, command, expected) => {
    const failed = await started('Other', command, undefined, 1_000)
      .shared()
      .then(
        () => 'it started',
        (error: unknown) => (error as Error).message,
      );
    expect(failed).toMatch(expected);
    const pid = /^\d+$/m.exec(failed)?.[0];
    if (pid !== undefined) expect(() => process.kill(Number(pid), 0)).toThrow();
  },
);
