/** In lower case: those of SPEC 9.1, and those that frame or route the request. */
const RESERVED: ReadonlySet<string> = new Set([
  'content-type',
  'x-pusher-key',
  'x-pusher-signature',
  'wavehall-delivery',
  'wavehall-attempt',
  'host',
  'content-length',
  'transfer-encoding',
  'trailer',
  'te',
  'connection',
  'proxy-connection',
  'keep-alive',
  'upgrade',
  'expect',
]);

/** True for a header that an endpoint's own headers cannot replace. */
export const isReservedHeader = (name: string): boolean => RESERVED.has(name.toLowerCase());
