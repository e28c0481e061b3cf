/** The right that a token gives to its owner, on one connection (SPEC 15.5). */
export interface TokenRight {
  /** The `user_data` of SPEC 6.1. */
  readonly userData: string;
  /** Unix time in milliseconds; `undefined`: the right has no end. */
  readonly expiresAtMs: number | undefined;
  /** The `channel_data` of a member, where the channel has some; `undefined`: the owner may not enter the channel, or not any more. */
  enter(channel: string): { readonly channelData: string | undefined } | undefined;
}
