import type { NodeCommands, Terminate } from '../../core/ports/stores.ts';

/** Commands of a single node: runs each command here. */
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
