/** The server that `wavehall capacity` measures: a process of its own with a random app, which reports its use of CPU and memory to its parent. */
import { randomBytes } from 'node:crypto';
import { readConfig } from '../../../config/index.ts';
import type { Logger } from '../../../core/ports/logger.ts';
import { startServer } from '../../../server/index.ts';
import type { MeasuredApp, Question, Usage } from './messages.ts';

const silent: Logger = {
  debugging: false,
  debug: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

const random = (): string => randomBytes(16).toString('hex');

async function serve(): Promise<void> {
  const app = { id: random(), key: random(), secret: random() };
  const config = readConfig({
    REVERB_SERVER_HOST: '127.0.0.1',
    REVERB_SERVER_PORT: '0',
    REVERB_APP_ID: app.id,
    REVERB_APP_KEY: app.key,
    REVERB_APP_SECRET: app.secret,
  });
  const { port } = await startServer(config, silent);
  process.on('message', (question: Question) => {
    if (question === 'memory') collectGarbage();
    process.send?.(usage());
  });
  process.send?.({ ...app, port } satisfies MeasuredApp);
}

/** Leaves only what belongs to the sockets. */
const collectGarbage = (): void => (globalThis as { gc?: () => void }).gc?.();

function usage(): Usage {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  return { cpuUs: user + system, rssKib: rss / 1024, heapKib: heapUsed / 1024 };
}

// The parent has ended, or has measured enough.
process.on('disconnect', () => process.exit());
await serve();
