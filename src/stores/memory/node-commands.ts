import type { NodeCommands, Terminate } from '../../core/ports/stores.ts';

/** Runs each command on this node, the only one. */
export class MemoryNodeCommands implements NodeCommands {
  #terminate: Terminate = () => undefined;

  onTerminate(terminate: Terminate): void {
    this.#terminate = terminate;
  }

  terminate(app: string, user: string): Promise<void> {
    this.#terminate(app, user);
    return Promise.resolve();
  }
}
