import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the ports that systems give to outgoing connections: one of those may hold a port while its server is restarted. */
const [FIRST, LAST] = [12_000, 32_000];

/** Finds a port on the loopback that nothing uses now, and that no outgoing connection takes later. */
export async function freePort(): Promise<number> {
  for (;;) {
    const probe = createServer();
    try {
      await once(probe.listen(randomInt(FIRST, LAST), '127.0.0.1'), 'listening');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') continue;
      throw error;
    }
    const { port } = probe.address() as { port: number };
    probe.close();
    await once(probe, 'close');
    return port;
  }
}
