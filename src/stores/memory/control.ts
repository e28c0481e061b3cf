import type { Control, Terminate } from '../../core/ports/stores.ts';

/** The control of a single node: runs each command here. */
export class MemoryControl implements Control {
  #terminate: Terminate = () => undefined;

  onTerminate(terminate: Terminate): void {
    this.#terminate = terminate;
  }

  terminate(app: string, user: string): Promise<void> {
    this.#terminate(app, user);
    return Promise.resolve();
  }
}
