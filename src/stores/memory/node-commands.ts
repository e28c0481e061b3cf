import type { NodeCommands, Terminate } from '../../core/ports/stores.ts';

/** Runs each command in this process, the only one, or one of two (SPEC 2.17). */
export class MemoryNodeCommands implements NodeCommands {
  #terminate: Terminate = () => undefined;
  #terminateEarlier: Terminate | undefined;

  onTerminate(terminate: Terminate): void {
    this.#terminate = terminate;
  }

  /** Runs commands in one more process, until it is called without one. */
  alsoTerminate(terminate?: Terminate): void {
    this.#terminateEarlier = terminate;
  }

  terminate(app: string, user: string): Promise<void> {
    this.#terminate(app, user);
    this.#terminateEarlier?.(app, user);
    return Promise.resolve();
  }
}
