/** A channel of one app; the pair is the key everywhere. */
export interface ChannelRef {
  readonly app: string;
  readonly channel: string;
}
