import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { eventually, Wire } from '../support/wire.ts';
import { cleanEnvironment, MAIN } from './command.ts';

/** Program of util-linux that runs a command in its own terminal. */
const SCRIPT = '/usr/bin/script';
const HAS_TERMINAL = spawnSync(SCRIPT, ['-qec', 'true', '/dev/null'], { stdio: 'ignore' }).status === 0;

const start = (command: string, args: readonly string[]) => {
  const child = spawn(command, args, { env: cleanEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const portOf = (): number =>
    Number(/(?:WebSocket\s+|"webSocket":")ws:\/\/\S+?:(\d+)\//.exec(output)?.[1] ?? 0);
  return { child, output: () => output, portOf, exited: once(child, 'exit') };
};

describe('the output', () => {
  test.runIf(HAS_TERMINAL)('1.1 has two columns on a terminal, not JSON', async () => {
    const command = `echo pid $$; exec ${process.execPath} ${MAIN} start --debug`;
    const { child, output, portOf, exited } = start(SCRIPT, ['-qec', `sh -c '${command}'`, '/dev/null']);
    await eventually(() => portOf() > 0, 'the start block', 15_000);
    const pid = Number(/pid (\d+)/.exec(output())?.[1]);
    try {
      const wire = await Wire.open({ host: '127.0.0.1', port: portOf() }, '/app/app-key?protocol=7');
      await wire.settle();
      await wire.close();
      await eventually(() => output().includes('Connection Closed'), 'the log line of the close');
    } finally {
      process.kill(pid, 'SIGTERM');
      await exited;
    }
    expect(child.exitCode).toBe(0);
    const text = stripVTControlCharacters(output());
    expect(text).toMatch(/^ {2}Connection Established \.{2,} \d+\.\d+\r?$/m);
    expect(text).toMatch(
      /^ {2}Message Received \.{2,} \d+\.\d+\r?\n {4}\{"event":"pusher:ping","data":\{\}\}\r?$/m,
    );
    expect(text).not.toContain('"msg"');
  });

  test('2.13 may lose its reader: the server continues to serve and shuts down as usual', async () => {
    const { child, portOf, exited } = start(process.execPath, [MAIN, 'start', '--debug']);
    await eventually(() => portOf() > 0, 'the start block', 15_000);
    const port = portOf();
    child.stdout.destroy();
    child.stderr.destroy();
    const wire = await Wire.open({ host: '127.0.0.1', port }, '/app/app-key?protocol=7');
    for (let message = 0; message < 20; message += 1) await wire.settle();
    child.kill('SIGTERM');
    expect(await wire.closing()).toMatchObject({ code: 4200 });
    const killTimer = setTimeout(() => child.kill('SIGKILL'), 5000);
    await exited;
    clearTimeout(killTimer);
    expect([child.exitCode, child.signalCode]).toEqual([0, null]);
  });
});
