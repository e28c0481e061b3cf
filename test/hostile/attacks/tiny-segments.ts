import { frameBytes, OPCODE } from '../../support/wire-tcp.ts';
import type { Attack } from '../attack.ts';
import { connectHostileClient, pingFrame, range, readUntil } from '../hostile-client.ts';
import type { Target } from '../target.ts';

const ANSWER_MS = 30_000;
/** Single bytes to write before this process yields to its event loop. */
const BYTES_PER_TURN = 500;

/** `sockets` clients send messages of 4 kB in segments of one byte, as fast as TCP accepts them; each ping is answered. */
export const tinySegments = (sockets: number, seconds: number): Attack => ({
  name: `${sockets} clients that write in segments of one byte`,
  async run(target, _chance, faults) {
    const until = Date.now() + seconds * 1000;
    const results = await Promise.all(range(sockets).map(() => oneClient(target, until)));
    faults.push(...results.filter((fault) => fault !== undefined));
    return undefined;
  },
});

async function oneClient(target: Target, untilMs: number): Promise<string | undefined> {
  const { tcp } = await connectHostileClient(target);
  const payload = JSON.stringify({ event: 'nothing', data: 'x'.repeat(4000) });
  const bytes = Buffer.concat([frameBytes({ opcode: OPCODE.text, payload }), pingFrame]);
  try {
    do {
      for (let at = 0; at < bytes.length; at += 1) {
        tcp.write(bytes.subarray(at, at + 1));
        if (at % BYTES_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      const fault = await readUntil(tcp, ({ event }) => event === 'pusher:pong', ANSWER_MS);
      if (fault !== undefined) return fault;
    } while (Date.now() < untilMs);
    return undefined;
  } finally {
    tcp.destroy();
  }
}
