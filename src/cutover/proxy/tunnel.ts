import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * Pipes every byte both ways, and the end too (SPEC 11.2). `early`: what the browser sent behind its request head;
 * `lingerMs`: time for the last bytes of one end when the other has ended.
 */
export function pipeBothWays(browser: Duplex, server: Socket, early: Buffer, lingerMs: number): void {
  if (early.length > 0) server.write(early);
  browser.pipe(server).pipe(browser);
  endAfter(browser, server, lingerMs);
  endAfter(server, browser, lingerMs);
}

function endAfter(one: Duplex, other: Duplex, lingerMs: number): void {
  const endSoon = (): void => {
    if (!other.writableEnded) other.end();
    setTimeout(() => other.destroy(), lingerMs).unref();
  };
  one.once('end', endSoon);
  one.once('close', endSoon);
}
