/** Every reason for which a client or publisher is refused, slowed down or disconnected, with the text of its log line. */
export const REASONS = {
  unknown_app: 'Clients asked for an app key that is not configured',
  apps_unknown:
    'Clients were answered 503: the apps were not read from their database yet (WAVEHALL_APPS_DATABASE)',
  app_disabled: 'Clients or requests of a disabled app were refused',
  app_quota: 'Clients were refused: the app has reached REVERB_APP_MAX_CONNECTIONS',
  protocol_version: 'Clients were refused: the protocol version in their URL is not supported (4 or more is)',
  tls_required: 'Clients were refused: they connect without TLS (WAVEHALL_REQUIRE_TLS)',
  origin: 'Clients were refused: their page is on an origin that is not allowed',
  server_full:
    'Clients were refused: this node has as many connections as it may (WAVEHALL_MAX_CONNECTIONS; by default 95 % of ulimit -n). Raise it, or add a node',
  address_full:
    'Clients were refused: their address has reached WAVEHALL_MAX_CONNECTIONS_PER_ADDRESS. Behind a proxy set WAVEHALL_TRUSTED_PROXIES',
  sockets_full:
    'Connections were closed at once: the process has as many as its open files allow (ulimit -n)',
  tls_on_plain_port:
    'Clients speak TLS to this plain port: set VITE_REVERB_SCHEME=http (VITE_PUSHER_SCHEME, forceTLS) or end TLS before it',
  memory_short:
    "Clients were refused: Node's heap is above WAVEHALL_MAX_HEAP_PERCENT. Raise NODE_OPTIONS=--max-old-space-size, or add a node",
  server_closing: 'Clients were refused: the server is stopping',
  upgrade: 'Upgrade requests were refused: not a WebSocket at /app/{key}',
  channel_name: 'Subscriptions were refused: the channel name is not allowed',
  channel_signature:
    'Subscriptions were refused: the signature is wrong; is the app secret the same in Laravel?',
  channel_limit:
    'Subscriptions were refused: a limit is reached (WAVEHALL_MAX_SUBSCRIPTIONS, WAVEHALL_MAX_SUBSCRIPTION_BYTES, WAVEHALL_MAX_PRESENCE_MEMBERS, WAVEHALL_MAX_USER_*)',
  channel_failed: 'Subscriptions were refused: Redis is out of reach, or a defect (see the log)',
  channel_behind:
    'Clients were slowed down: subscribers of the channel that they send to do not read fast enough',
  signin: 'Sign-ins were refused: the signature or the user is not valid',
  token: 'Tokens were refused, for the cause that is named; `wavehall rules test --token` explains it',
  token_keys: 'Sign-ins by token were put off: the keys of WAVEHALL_JWT_JWKS_URL could not be fetched yet',
  token_expired: 'Clients were closed so that they sign in anew: their token has expired',
  channel_rule:
    'Channels were refused to the owner of a token: it has expired, or WAVEHALL_CHANNEL_RULES do not allow them; `wavehall rules test` shows why',
  unauthorized: 'Clients were closed: they neither signed in nor entered a signed channel in time',
  malformed_message: 'Messages were refused: they are not valid',
  message_size: 'Clients were closed: a message is larger than REVERB_APP_MAX_MESSAGE_SIZE',
  message_rate: 'Clients were slowed down: more messages than WAVEHALL_MAX_MESSAGES_PER_SECOND',
  rate_limit: "Messages were refused by Reverb's limiter (REVERB_APP_RATE_LIMITING_ENABLED)",
  client_event: 'Client events were refused: the client may not send them there',
  client_event_rate: 'Client events were refused: more than WAVEHALL_MAX_CLIENT_EVENTS_PER_SECOND',
  websocket_frame: 'Clients were closed: their WebSocket frames break the protocol or a limit',
  cutover_idle: 'Clients of the upstream were disconnected: no byte passed for WAVEHALL_CUTOVER_IDLE_SECONDS',
  console_login: 'Log-ins to the console were refused: a wrong token (WAVEHALL_ADMIN_TOKEN)',
  cutover_upgrade:
    'Upgrade requests were refused during the cutover: see status (400: invalid handshake, 405: CONNECT, 502: the upstream did not answer, 508: WAVEHALL_CUTOVER_UPSTREAM leads back here)',
  cutover_request:
    'Requests were not proxied to the upstream but answered with 404 here: their path is of this server alone, their method is TRACE or CONNECT, they do not name one host, or they hold the admin token',
  cutover_size:
    'Events were refused with 413: the upstream accepts WAVEHALL_CUTOVER_MAX_REQUEST_SIZE bytes, and browsers are there',
  slow_reader: 'Clients were disconnected: they do not read what they are sent',
  pong_timeout: 'Clients were closed: they did not answer a ping',
  auth_socket_id: 'Questions at the auth gateway were refused: the socket_id is not one',
  auth_unknown_key:
    'Laravel signed for an app key that is not configured here, so that nothing is remembered: is REVERB_APP_KEY the same in Laravel?',
  auth_signature:
    'Laravel signed with another secret than the one here, so that nothing is remembered: is REVERB_APP_SECRET the same in Laravel?',
  auth_redirect:
    'Laravel answered the auth gateway with a redirect, which counts as a refusal: the user is not signed in, or WAVEHALL_AUTH_UPSTREAM redirects to https',
  auth_unavailable:
    'Questions at the auth gateway were not answered: Laravel does not answer, not fast enough (WAVEHALL_AUTH_CONCURRENCY, WAVEHALL_AUTH_TIMEOUT), or with too many bytes (WAVEHALL_AUTH_MAX_ANSWER_SIZE)',
  auth_token: 'Questions at the auth gateway were refused: the token is not valid, or no rule allows it',
  auth_loop: 'Requests at the auth gateway came back: WAVEHALL_AUTH_UPSTREAM is this server itself',
  http_signature:
    'Requests were refused with 401: the signature is wrong; is the app secret the same in Laravel?',
  http_timestamp:
    'Requests were refused with 401: they are older or newer than WAVEHALL_AUTH_WINDOW; are both clocks right?',
  http_unknown_app: 'Requests were refused with 404: no app has this id',
  http_not_found:
    'Requests were answered 404: nothing has this path; is REVERB_SERVER_PATH the same as the path in Laravel?',
  http_malformed:
    'Requests were refused before they were read: they are not valid HTTP/1.1, too slow or too large',
  http_request: 'Requests were refused: they are not valid',
  http_idempotency:
    'Requests were refused with 422: their Idempotency-Key belongs to another request; is it made anew for each event?',
  http_size: 'Requests were refused with 413: larger than a limit',
  http_rate: 'Requests were refused with 429: more than WAVEHALL_MAX_REQUESTS_PER_SECOND',
  http_unavailable:
    'Requests were answered 503: Redis is out of reach, or subscribers do not read fast enough',
  http_unknown_outcome:
    'Requests were answered 504: the connection to Redis broke, so it is not known whether their events were published',
} as const;

export type RefusalReason = keyof typeof REASONS;
