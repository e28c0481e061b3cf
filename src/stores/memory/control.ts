import type { Control, Terminate } from '../../core/ports/cluster.ts';

/** The only node does what it is asked. */
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
