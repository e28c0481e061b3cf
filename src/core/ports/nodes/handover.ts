/** A channel of texts between two processes of one server. They arrive in their order, until one of the processes ends. */
export interface ProcessLink {
  /** Resolves when the text has left this process. Never rejects: what cannot be sent is lost. */
  send(text: string): Promise<void>;
  /** Called once. */
  onText(receive: (text: string) => void): void;
  /** Calls `listener` when the other process has ended. */
  onEnd(listener: () => void): void;
}

/** Passes the state that one process holds to the one that replaces it (SPEC 2.17). */
export interface Handover {
  /**
   * Gives all state to the successor; calls to the stores wait meanwhile. From then on the stores of this process are those of
   * the successor.
   */
  give(link: ProcessLink): Promise<void>;
  /** Resolves when all state of the predecessor is here; the predecessor uses these stores until it ends. */
  take(link: ProcessLink): Promise<void>;
}
