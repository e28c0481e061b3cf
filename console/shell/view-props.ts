/** Properties of every view. */
export interface ViewProps {
  readonly onLoggedOut: () => void;
}
