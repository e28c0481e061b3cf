import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** One end is gone: the other has so long for what is still on its way. */
const LINGER_MS = 5000;

/** From now on every byte passes, both ways, and so does the end (SPEC 11.2). `early`: what the browser sent behind its head. */
export function join(browser: Duplex, server: Socket, early: Buffer): void {
  if (early.length > 0) server.write(early);
  browser.pipe(server).pipe(browser);
  linger(browser, server);
  linger(server, browser);
}

function linger(one: Duplex, other: Duplex): void {
  const endSoon = (): void => {
    if (!other.writableEnded) other.end();
    setTimeout(() => other.destroy(), LINGER_MS).unref();
  };
  one.once('end', endSoon);
  one.once('close', endSoon);
}
