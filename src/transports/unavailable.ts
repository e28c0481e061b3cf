/** Why a server answers new clients with 503 (SPEC 2.13, 8.11), with the text of the answer. */
export const UNAVAILABLE = {
  apps_unknown: 'The apps are not known yet.',
  memory_short: 'Memory is short.',
  server_closing: 'Server is closing.',
} as const;

export type UnavailableReason = keyof typeof UNAVAILABLE;
