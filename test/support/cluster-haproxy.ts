import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deployFile, withReplaced } from '../deploy/places/files.ts';
import { freePort } from './free-port.ts';
import { program } from './programs.ts';
import { runProxy } from './proxies.ts';
import { http } from './wire-http.ts';
import { type Address, eventually } from './wire.ts';

const PRINTED = deployFile('haproxy/haproxy.cfg');
/** The delay that the comment in haproxy.cfg gives. */
export const [, DELAY_SECONDS = ''] = /WAVEHALL_DRAIN_DELAY_SECONDS=(\d+)/.exec(PRINTED) ?? [];

export interface Haproxy extends Address {
  /** Resolves when the node at this port gets requests. */
  whenUp(port: number): Promise<void>;
  close(): Promise<void>;
}

/** Starts HAProxy with the configuration of examples/deploy, with a line for each node. */
export async function startHaproxy(ports: readonly number[]): Promise<Haproxy> {
  const folder = mkdtempSync(join(tmpdir(), 'wavehall-haproxy-'));
  const [port, statsPort] = [await freePort(), await freePort()];
  const [line = ''] = / *server one .*\n/.exec(PRINTED) ?? [];
  const lines = ports.map((node, at) =>
    withReplaced(line, { ' one ': ` node${at} `, '127.0.0.1:8080': `127.0.0.1:${node}` }),
  );
  const file = join(folder, 'haproxy.cfg');
  const binding = { 'bind :80\n': `bind 127.0.0.1:${port}\n` };
  const stats = `\nlisten stats\n  bind 127.0.0.1:${statsPort}\n  stats enable\n  stats uri /\n`;
  writeFileSync(file, withReplaced(PRINTED, { ...binding, [line]: lines.join('') }) + stats);
  const proxy = await runProxy(folder, program('haproxy'), ['-db', '-f', file], port);
  const isUp = async (node: number): Promise<boolean> => {
    const { text } = await http({ host: '127.0.0.1', port: statsPort }, { method: 'GET', path: '/;csv' });
    return new RegExp(`^wavehall,node${node},(?:[^,]*,){15}UP,`, 'm').test(text);
  };
  return {
    host: '127.0.0.1',
    port,
    whenUp: (port) =>
      eventually(() => isUp(ports.indexOf(port)), `HAProxy has found the node at port ${port}`, 60_000),
    async close() {
      await proxy.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
