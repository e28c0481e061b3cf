import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * From now on every byte passes, both ways, and so does the end (SPEC 11.2). `early`: what the browser sent behind its head;
 * `lingerMs`: when one end is gone, the other has so long for what is still on its way.
 */
export function join(browser: Duplex, server: Socket, early: Buffer, lingerMs: number): void {
  if (early.length > 0) server.write(early);
  browser.pipe(server).pipe(browser);
  linger(browser, server, lingerMs);
  linger(server, browser, lingerMs);
}

function linger(one: Duplex, other: Duplex, lingerMs: number): void {
  const endSoon = (): void => {
    if (!other.writableEnded) other.end();
    setTimeout(() => other.destroy(), lingerMs).unref();
  };
  one.once('end', endSoon);
  one.once('close', endSoon);
}
