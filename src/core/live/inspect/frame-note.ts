/** Name and size of a frame. Never its data. */
export interface FrameNote {
  readonly atMs: number;
  readonly direction: 'in' | 'out';
  /** Name of its event; empty: it has none. */
  readonly event: string;
  /** Of its text. */
  readonly bytes: number;
}
