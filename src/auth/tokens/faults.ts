/** Every reason for which a token is refused (SPEC 15.1 to 15.3), as metrics and the log name it, with its explanation. */
export const TOKEN_FAULTS = {
  too_long: 'it is longer than WAVEHALL_JWT_MAX_SIZE',
  malformed: 'it is not three parts of base64url with a JSON object each in the first two',
  duplicate_name: 'its header or its claims name a member twice',
  unsigned: 'its algorithm is none',
  algorithm: 'its algorithm is none of WAVEHALL_JWT_ALGORITHMS',
  critical_header: 'its header has crit or b64: it demands something that is not known here',
  embedded_key: 'its header brings a key, or the address of one (jwk, jku, x5u, x5c)',
  encrypted: 'its header has enc or zip: it is encrypted or compressed',
  type: 'its typ is neither JWT nor at+jwt',
  key_id: 'its kid is not a text of 1 to 256 characters',
  unknown_key: 'no key of the server is meant for its kid and its algorithm',
  signature: 'its signature is not by a key of the server',
  no_expiry: 'it has no exp, and WAVEHALL_JWT_REQUIRE_EXPIRY is on',
  invalid_time: 'its exp, nbf or iat is no usable number (milliseconds in place of seconds?)',
  expired: 'its exp has passed',
  expiry_too_far: 'its exp is further away than WAVEHALL_JWT_MAX_LIFETIME',
  not_yet_valid: 'its nbf is in the future; are both clocks right?',
  issued_in_future: 'its iat is in the future; are both clocks right?',
  issuer: 'its iss is none of WAVEHALL_JWT_ISSUER',
  audience: 'its aud has none of WAVEHALL_JWT_AUDIENCE',
  keys_unavailable: 'the keys of WAVEHALL_JWT_JWKS_URL could not be fetched yet',
} as const;

export type TokenFault = keyof typeof TOKEN_FAULTS;

/** A token that is refused. Carries nothing of the token. */
export class TokenError extends Error {
  override readonly name = 'TokenError';
  readonly fault: TokenFault;

  constructor(fault: TokenFault) {
    super(TOKEN_FAULTS[fault]);
    this.fault = fault;
  }
}
