import type { Server, Socket } from 'node:net';

const OWNER = Symbol('open sockets');
type Owned = Socket & { [OWNER]?: Set<Socket> };

/** Every network socket of a server while it lives: requests, upgraded, refused and handed over ones, unfinished handshakes. */
export class OpenSockets {
  readonly #all = new Set<Socket>();

  constructor(server: Server) {
    server.on('connection', (socket: Owned) => {
      // A connection whose request offered another protocol is handed to the server again (`upgrades.ts`).
      if (this.#all.has(socket)) return;
      this.#all.add(socket);
      socket[OWNER] = this.#all;
      socket.once('close', forget);
    });
  }

  get size(): number {
    return this.#all.size;
  }

  destroyAll(): void {
    for (const socket of this.#all) socket.destroy();
  }
}

function forget(this: Owned): void {
  this[OWNER]?.delete(this);
}
