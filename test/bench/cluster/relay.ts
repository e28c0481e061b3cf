/**
 * One side of a bare route over Redis, as a process: what comes in on its TCP port is published, or what is heard goes
 * out there, one message a line. `each` and `joined` are ioredis alone; `stores` is this project's stores alone.
 */
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Redis } from 'ioredis';
import type { Logger } from '../../../src/core/ports/logger.ts';
import { openRedisStores } from '../../../src/stores/redis/index.ts';

type Kind = 'each' | 'joined' | 'stores' | 'stores-kept';
type Publish = (chunk: Buffer) => void;
type Hear = (say: (text: Buffer | string) => void) => Promise<unknown>;

const [kind, port, role] = process.argv.slice(2) as [Kind, string, 'subscribe' | 'publish'];
const BUS = `route-${kind}`;

const side = kind === 'each' || kind === 'joined' ? bare() : await stores();
let out: Socket | undefined;
let lines: string[] = [];
await side.hear((text) => {
  if (typeof text !== 'string') return void out?.write(text);
  if (lines.push(text) === 1) setImmediate(flush);
});
const server = createServer((socket) => {
  socket.setNoDelay(true);
  socket.on('error', () => undefined);
  if (role === 'subscribe') out = socket;
  else socket.on('data', side.publish);
  socket.write('\n');
});
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
// The process that started it has ended.
process.stdin.resume().on('end', () => process.exit());

function flush(): void {
  out?.write(`${lines.join('\n')}\n`);
  lines = [];
}

/** Passes on complete lines. */
function byLine(take: (line: string) => void): Publish {
  let rest = '';
  return (chunk) => {
    const parts = (rest + chunk.toString()).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) take(part);
  };
}

function bare(): { publish: Publish; hear: Hear } {
  const options = { host: '127.0.0.1', port: Number(port) };
  const [commands, subscriber] = [new Redis(options), new Redis(options)];
  const isJoined = kind === 'joined';
  return {
    publish: isJoined
      ? (chunk) => void commands.publish(BUS, chunk)
      : byLine((line) => void commands.publish(BUS, line)),
    hear: (say) => {
      subscriber.on('messageBuffer', (_bus: Buffer, bytes: Buffer) =>
        say(isJoined ? bytes : bytes.toString()),
      );
      return subscriber.subscribe(BUS);
    },
  };
}

async function stores(): Promise<{ publish: Publish; hear: Hear }> {
  const quiet = (): void => undefined;
  const logger: Logger = { debugging: false, debug: quiet, warn: quiet, error: quiet };
  const { broker } = await openRedisStores(
    {
      host: '127.0.0.1',
      port: Number(port),
      database: 0,
      tls: false,
      keyPrefix: `${kind}:`,
      partitions: 16,
      leaseMs: 12_000,
      commandTimeoutMs: 2000,
    },
    logger,
  );
  const ref = { app: 'app', channel: BUS };
  const keep = kind === 'stores-kept' ? { size: 50, ttlSeconds: 120, lastSeconds: 0 } : undefined;
  return {
    publish: byLine((payload) => void broker.publish(ref, { payload }, keep)),
    hear: async (say) => {
      await broker.start((_ref, event) => say(event.payload));
      if (role === 'subscribe') await broker.subscribe(ref);
    },
  };
}
