/** One event as its publisher sends it. */
export interface Publication {
  readonly name: string;
  /** JSON text of `data`, as it will stand in the frame. */
  readonly dataJson: string;
  readonly channels: readonly string[];
  /** Socket id of the publisher, which must not receive it. */
  readonly except?: string | undefined;
}
