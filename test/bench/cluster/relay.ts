/**
 * One end of a bare route over Redis, as a process: publishes the lines that it receives on its TCP port, or writes the
 * messages that it receives from Redis to that port, one per line. `each` and `joined` use ioredis only; `stores` and
 * `stores-kept` use only the stores of this project.
 */
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Redis } from 'ioredis';
import type { Logger } from '../../../src/core/ports/logger.ts';
import { openRedisStores } from '../../../src/stores/redis/index.ts';

type Kind = 'each' | 'joined' | 'stores' | 'stores-kept';
type Publish = (chunk: Buffer) => void;
type Subscribe = (onMessage: (text: Buffer | string) => void) => Promise<unknown>;

const [kind, port, role] = process.argv.slice(2) as [Kind, string, 'subscribe' | 'publish'];
const CHANNEL = `route-${kind}`;

const side = kind === 'each' || kind === 'joined' ? bare() : await stores();
let out: Socket | undefined;
let lines: string[] = [];
await side.subscribe((text) => {
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
// stdin ends with the process that started this one.
process.stdin.resume().on('end', () => process.exit());

function flush(): void {
  out?.write(`${lines.join('\n')}\n`);
  lines = [];
}

/** Splits chunks into complete lines. */
function byLine(take: (line: string) => void): Publish {
  let rest = '';
  return (chunk) => {
    const parts = (rest + chunk.toString()).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) take(part);
  };
}

function bare(): { publish: Publish; subscribe: Subscribe } {
  const options = { host: '127.0.0.1', port: Number(port) };
  const [commands, subscriber] = [new Redis(options), new Redis(options)];
  const isJoined = kind === 'joined';
  return {
    publish: isJoined
      ? (chunk) => void commands.publish(CHANNEL, chunk)
      : byLine((line) => void commands.publish(CHANNEL, line)),
    subscribe: (onMessage) => {
      subscriber.on('messageBuffer', (_channel: Buffer, bytes: Buffer) =>
        onMessage(isJoined ? bytes : bytes.toString()),
      );
      return subscriber.subscribe(CHANNEL);
    },
  };
}

async function stores(): Promise<{ publish: Publish; subscribe: Subscribe }> {
  const ignore = (): void => undefined;
  const logger: Logger = { debugging: false, debug: ignore, warn: ignore, error: ignore };
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
  const ref = { app: 'app', channel: CHANNEL };
  const keep = kind === 'stores-kept' ? { size: 50, ttlSeconds: 120, lastSeconds: 0 } : undefined;
  return {
    publish: byLine((payload) => void broker.publish(ref, { payload }, keep)),
    subscribe: async (onMessage) => {
      await broker.start((_ref, event) => onMessage(event.payload));
      if (role === 'subscribe') await broker.subscribe(ref);
    },
  };
}
