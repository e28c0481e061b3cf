/** Titles of debug lines. They are Reverb's own, so that logs can be compared. */
export type LogTitle =
  | 'Connection Established'
  | 'Connection Refused'
  | 'Message Received'
  | 'Message Handled'
  | 'Control Frame Received'
  | 'Broadcasting To'
  | 'Connection Pinged'
  | 'Connection Pruned'
  | 'Connection Closed'
  | 'Redis connection established'
  | 'Disconnected from Redis';

export interface Logger {
  /** False when debug lines are dropped: callers skip the work of building them. */
  readonly debugging: boolean;
  debug(title: LogTitle, subject: string, message?: string): void;
  warn(message: string, details?: Readonly<Record<string, string | number>>): void;
  /** Logs a defect: something that should not have been possible. */
  error(message: string, error: unknown): void;
}
