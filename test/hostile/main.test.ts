import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { startServer } from '../support/server.ts';
import { Tcp } from '../support/wire-tcp.ts';
import { parseCommand } from './arguments.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
const APP = 'app-id,app-key,app-secret';
/** Each call compiles the command. */
vi.setConfig({ testTimeout: 120_000 });

/** Runs the command as `npm run hostile -- …` does. */
async function hostile(...args: readonly string[]): Promise<{ code: unknown; text: string }> {
  const child = spawn(process.execPath, ['--conditions=source', '--import', 'tsx', MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const [code] = (await once(child, 'close')) as [unknown];
  return { code, text };
}

async function start() {
  const server = await startServer();
  onTestFinished(() => server.close());
  return server;
}

describe('8.3 the arguments of npm run hostile', () => {
  test.each<[string[], string]>([
    [[], '--against is missing'],
    [['--against', 'localhost'], '"localhost" is not HOST:PORT,ID,KEY,SECRET'],
    [['--against', `localhost:0,${APP}`], 'a port is a number from 1 to 65535'],
    [['--against', `localhost:8080,${APP}`, '--frames', 'many'], '--frames many: a whole number is expected'],
    [['--against', `localhost:8080,${APP}`, '--seconds', '-1'], "'--seconds' argument is ambiguous"],
    [['--against', `localhost:8080,${APP}`, '--pid', '1x'], '--pid 1x: a whole number is expected'],
    [['--against', `localhost:8080,${APP}`, '--path', 'ws'], '--path ws: a path begins with /'],
    [
      ['--against', `localhost:8080,${APP}`, '--only', 'kindness'],
      '--only kindness: no attack has this in its name',
    ],
    [['--agianst', 'x'], "Unknown option '--agianst'"],
  ])('%j: %s', (args, message) => {
    expect(() => parseCommand(args)).toThrow(message);
  });

  test('--list prints every attack, without a server', () => {
    const command = parseCommand(['--list']);
    expect('show' in command && command.show).toContain('half-open upgrades');
  });

  test('a wrong argument prints the usage and exits with 2', async () => {
    const { code, text } = await hostile('--frames', 'many');
    expect([code, text]).toEqual([2, expect.stringMatching(/^--frames many: .*\n\nnpm run hostile/)]);
  });
});

describe('8.3 npm run hostile', () => {
  test('reports that nothing listens, and exits with 2', async () => {
    const { code, text } = await hostile('--against', `127.0.0.1:${await freePort()},${APP}`);
    expect([code, text]).toEqual([2, expect.stringMatching(/cannot read its connections: .*ECONNREFUSED/)]);
  });

  test('reports a wrong secret, and exits with 2', async () => {
    const { port } = await start();
    const { code, text } = await hostile('--against', `127.0.0.1:${port},app-id,app-key,other`);
    expect([code, text]).toEqual([2, expect.stringContaining('the API answers 401 and 401')]);
  });

  test('does not attack a server that has clients, and exits with 2', async () => {
    const server = await start();
    const tcp = await Tcp.upgraded(server, '/app/app-key');
    await tcp.message();
    const { code, text } = await hostile('--against', `127.0.0.1:${server.port},${APP}`);
    tcp.destroy();
    expect([code, text]).toEqual([2, expect.stringContaining('has 1 connections and 0 channels')]);
  });

  test('prints the result of each attack, and exits with 0 if none succeeded', async () => {
    const server = await start();
    const { code, text } = await hostile(
      ...['--against', `127.0.0.1:${server.port},${APP}`, '--pid', String(server.pid)],
      ...['--only', 'forged', '--seed', '7'],
    );
    expect(text).toMatch(/^ok {3}2000 handshakes with forged proxy headers: .* files \d+ → \d+ → \d+, RSS /);
    expect([code, text]).toEqual([0, expect.stringContaining('Nothing found in 1 attacks with seed 7.')]);
  });
});
