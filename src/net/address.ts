/** The path below which a server has its `/app` and `/apps`: without a slash at its end. */
export const prefixOf = ({ pathname }: URL): string => pathname.replace(/\/+$/, '');

/** The host as sockets take it: an IPv6 address without its brackets. */
export const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, '');
