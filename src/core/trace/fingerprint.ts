/** Longest frame that is kept as it is: its fingerprint is made when somebody asks. */
const MOST_KEPT_CHARS = 512;
/** Characters of a longer frame that its fingerprint looks at: those at its front, where ids are, and others evenly spaced. */
const FRONT_CHARS = 256;
const SPACED_CHARS = 256;

/** Short form of a frame, by which it is recognised: itself, or its fingerprint if it is long. */
export const markOf = (frame: string): string =>
  frame.length <= MOST_KEPT_CHARS ? frame : fingerprintOf(frame);

/** Fingerprint of the frame that a mark stands for. */
export const fingerprintOfMark = (mark: string): string =>
  mark.startsWith('{') ? fingerprintOf(mark) : mark;

/** FNV-1a over at most 512 characters, with the length. Equal for equal frames, on every node. */
export function fingerprintOf(frame: string): string {
  const { length } = frame;
  const step = Math.ceil((length - FRONT_CHARS) / SPACED_CHARS);
  let sum = 0x811c9dc5;
  for (let at = 0; at < length; at += at < FRONT_CHARS ? 1 : step)
    sum = Math.imul(sum ^ frame.charCodeAt(at), 0x01000193);
  return `${length.toString(36)}-${(sum >>> 0).toString(36)}`;
}
