/** Commands that a server runs for an operator, in a process of their own. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  COMMAND_MS,
  commandEnvironment,
  fileFlag,
  MAX_ANSWER_BYTES,
  runForJson,
} from '../../src/cli/workers/own-command.ts';
import { isRunning } from '../support/processes.ts';
import { eventually } from '../support/wire.ts';
import { temporaryFile } from './command.ts';

const run = (code: string, limitMs?: number) => runForJson(['-e', code], process.env, limitMs);
/** Prints an object of so many bytes. */
const print = (bytes: number) => `process.stdout.write('{"a":"' + 'x'.repeat(${bytes - 8}) + '"}')`;

test('17.12 an answer of up to 1 MiB is read; a longer one, and what is no JSON object, is no result', async () => {
  expect(JSON.stringify(await run(print(MAX_ANSWER_BYTES)))).toHaveLength(MAX_ANSWER_BYTES);
  expect(await run(print(MAX_ANSWER_BYTES + 1))).toBeUndefined();
  for (const code of ['', 'console.log("[1]")', 'console.log("1")', 'console.log("{")', 'process.exit(2)'])
    expect([code, await run(code)]).toEqual([code, undefined]);
  expect(await runForJson(['/no/such/file'], process.env)).toBeUndefined();
});

test('17.12 a command has 120 seconds; then its process is ended', async () => {
  expect(COMMAND_MS).toBe(120_000);
  const file = temporaryFile('pid', '');
  const hang = `fs.writeFileSync(${JSON.stringify(file)}, String(process.pid)); setInterval(() => {}, 1000)`;
  expect(await run(hang, 2000)).toBeUndefined();
  const pid = Number(readFileSync(file, 'utf8'));
  expect(pid).toBeGreaterThan(0);
  await eventually(() => !isRunning(pid), 'the process has ended');
});

test('17.12 it runs behind all other work', async () => {
  expect(await run('console.log(JSON.stringify({ nice: os.getPriority() }))')).toEqual({ nice: 19 });
});

test('17.12 the file of the server is that of the command', () => {
  expect(fileFlag(['node', 'main.js', 'start', '--env-file', 'a.env'])).toEqual(['--env-file', 'a.env']);
  expect(fileFlag(['start', '--env-file=b.env'])).toEqual(['--env-file', 'b.env']);
  expect(fileFlag(['start', '--env-file'])).toEqual([]);
  expect(fileFlag(['start'])).toEqual([]);
});

test('17.12 flags of the server are variables of the command, and what the file says is left to the file', () => {
  const settings = { host: '127.0.0.1', port: 4711, path: 'ws' };
  expect(commandEnvironment(settings, ['start', '--env-file', '.env'], { A: '1' })).toEqual({ A: '1' });
  expect(
    commandEnvironment(settings, ['start', '--port=0', '--host', '127.0.0.1', '--path', '/ws/'], {}),
  ).toEqual({
    REVERB_SERVER_HOST: '127.0.0.1',
    REVERB_SERVER_PORT: '4711',
    REVERB_SERVER_PATH: 'ws',
  });
  const env = { REVERB_SERVER_PORT: '0', WAVEHALL_WORKER: '1/2/0' };
  expect(commandEnvironment(settings, ['start'], env)).toEqual({ REVERB_SERVER_PORT: '4711' });
});
