/** Loaded into workers: each listens by itself with SO_REUSEPORT, and the kernel deals out. From Node 22.12 and 23.1 on. */
import { Server } from 'node:net';

const { listen } = Server.prototype;
if (process.env.WAVEHALL_WORKER !== undefined) {
  Server.prototype.listen = function (options, ...rest) {
    const isMeant = typeof options === 'object' && options.port !== undefined;
    return listen.call(this, isMeant ? { ...options, reusePort: true } : options, ...rest);
  };
}
