import { frameBytes, OPCODE, type Tcp } from '../../support/wire-tcp.ts';
import type { Attack } from '../attack.ts';
import { connectHostileClient, range } from '../hostile-client.ts';
import { sleep } from '../../../src/core/util/time.ts';

const FRAMES_PER_WRITE = 500;
const ANSWER_MS = 30_000;
const LAST = 'the last one';

/** Control frames, whose only limit is 125 bytes each. */
const FLOODS = {
  pings: range(FRAMES_PER_WRITE).map(() => frameBytes({ opcode: OPCODE.ping, payload: 'p'.repeat(125) })),
  pongs: range(FRAMES_PER_WRITE).map(() => frameBytes({ opcode: OPCODE.pong, payload: 'p'.repeat(125) })),
  'empty pings': range(FRAMES_PER_WRITE).map(() => frameBytes({ opcode: OPCODE.ping })),
  'pings between the frames of a message': range(FRAMES_PER_WRITE / 4).flatMap(() => [
    frameBytes({ opcode: OPCODE.text, fin: false, payload: '{"event":"pusher:' }),
    frameBytes({ opcode: OPCODE.ping, payload: 'p'.repeat(125) }),
    frameBytes({ opcode: OPCODE.pong }),
    frameBytes({ opcode: OPCODE.continuation, payload: 'ping"}' }),
  ]),
};

/** `sockets` clients send control frames as fast as the server reads them, and read; the last ping of each is answered. */
export const controlFloods = (sockets: number, seconds: number): Attack => ({
  name: `${sockets} clients that flood with pings and pongs`,
  async run(target, _chance, faults) {
    const floods = Object.entries(FLOODS).map(([name, frames]) => ({ name, bytes: Buffer.concat(frames) }));
    const clients = await Promise.all(range(sockets).map(() => connectHostileClient(target)));
    // Reads and discards the answers: storing them would load this process.
    for (const { tcp } of clients) tcp.socket.removeAllListeners('data').resume();
    const until = Date.now() + seconds * 1000;
    while (Date.now() < until) {
      clients.forEach(({ tcp }, at) => {
        if (tcp.socket.writableLength < 100_000) tcp.write(floods[at % floods.length]!.bytes);
      });
      await sleep(5);
    }
    // Another server may answer differently.
    const checked = target.isOtherServer === true ? [] : clients;
    const answered = await Promise.all(checked.map(({ tcp }) => isAnswered(tcp)));
    answered.forEach((hasPong, at) => {
      if (!hasPong) faults.push(`no answer to the last ping behind ${floods[at % floods.length]!.name}`);
    });
    for (const { tcp } of clients) tcp.destroy();
    return undefined;
  },
});

/** Sends a last ping and resolves with true if its pong arrives. */
function isAnswered(tcp: Tcp): Promise<boolean> {
  return new Promise((resolve) => {
    let end = '';
    const timer = setTimeout(() => resolve(false), ANSWER_MS);
    tcp.socket.on('close', () => resolve(false));
    tcp.socket.on('data', (chunk: Buffer) => {
      end = (end + chunk.toString('latin1')).slice(-1000);
      if (!end.includes(LAST)) return;
      clearTimeout(timer);
      resolve(true);
    });
    tcp.write(frameBytes({ opcode: OPCODE.ping, payload: LAST }));
  });
}
