/** Time for which a node counts as behind after its last message. */
const BEHIND_MS = 3000;
/** Nodes that are remembered: invented names do not fill the memory. */
const MOST_NODES = 1000;

/** Nodes that said lately that they are behind (SPEC 12.4). */
export class NodesBehind {
  /** When each of them said so last, the one that has been silent for longest first. */
  readonly #saidMs = new Map<string, number>();

  add(node: string, nowMs: number): void {
    this.#saidMs.delete(node);
    this.#saidMs.set(node, nowMs);
    if (this.#saidMs.size <= MOST_NODES) return;
    const [silent = ''] = this.#saidMs.keys();
    this.#saidMs.delete(silent);
  }

  remove(node: string): void {
    this.#saidMs.delete(node);
  }

  count(nowMs: number): number {
    for (const [node, saidMs] of this.#saidMs) {
      if (nowMs - saidMs < BEHIND_MS) break;
      this.#saidMs.delete(node);
    }
    return this.#saidMs.size;
  }
}
