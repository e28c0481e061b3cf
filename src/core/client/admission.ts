import { encode, type ErrorEntry, errors, newSocketId } from '#protocol';
import type { App } from '../app.ts';
import { Connection } from './connection.ts';
import type { Hub } from '../channels/hub.ts';
import { originAllowed } from './origin.ts';
import type { Outbound } from './outbound.ts';
import type { AppProvider } from '../ports/apps.ts';
import type { Clock } from '../ports/clock.ts';
import type { ConnectionQuota } from '../ports/cluster.ts';
import type { Logger } from '../ports/logger.ts';
import type { Handshake, Socket } from '../ports/transport.ts';
import type { RefusalReason, Refusals } from '../refusals.ts';
import { type ConnectionLimits, SocketLimits } from './socket-limits.ts';

export interface AdmissionLimits extends ConnectionLimits {
  /** Refusals that wait at once (SPEC 2.5); one more is told at once. */
  readonly delayedRefusals: number;
  readonly refusalDelayMs: number;
}

export interface AdmissionDeps {
  readonly apps: AppProvider;
  readonly hub: Hub;
  readonly quota: ConnectionQuota;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly limits: AdmissionLimits;
  readonly outbound: Outbound;
  readonly refusals: Refusals;
  /** SPEC 1.3: the form of errors where there is no app to say it. */
  readonly errorDataAsString: boolean;
  /** Which apps the environment has besides those that are served, for the log. */
  readonly unusedAppsHint?: string | undefined;
  /** Given when sockets are held beside the connections. */
  readonly sockets?: SocketLimits;
}

/** A refusal: the error for the client, and the reason for the operator. */
type Refusal = readonly [told: ErrorEntry, reason: RefusalReason];

const CLOSING: Refusal = [errors.closing, 'server_closing'];
const UNKNOWN_APP: Refusal = [errors.unknownApp, 'unknown_app'];

/** Who may connect (SPEC 2.2 to 2.7). What `admit` counted, `dismiss` takes back. */
export class Admission {
  readonly #needs: AdmissionDeps;
  readonly #sockets: SocketLimits;
  readonly #delayed = new Set<NodeJS.Timeout>();
  #stopped = false;

  constructor(needs: AdmissionDeps) {
    this.#needs = needs;
    this.#sockets = needs.sockets ?? new SocketLimits(needs.limits, needs.hub);
  }

  /** Everybody is refused from now on (SPEC 2.13). */
  stop(): void {
    this.#stopped = true;
  }

  async admit(socket: Socket, handshake: Handshake): Promise<Connection | undefined> {
    const app = this.#stopped ? undefined : await this.#needs.apps.byKey(handshake.appKey);
    if (app === undefined) return this.#refuse(socket, handshake, this.#stopped ? CLOSING : UNKNOWN_APP, app);
    const refusal = this.#reasonAgainst(app, socket, handshake);
    if (refusal !== undefined) return this.#refuse(socket, handshake, refusal, app);
    if (handshake.isProbe === true) return this.#connect(app, socket, handshake);
    if (!(await this.#needs.quota.admit(app.id, app.limits.connections))) {
      return this.#refuse(socket, handshake, [errors.overQuota, 'app_quota'], app);
    }
    // Others came, or the server stopped, while the lease was asked.
    const late = this.#reasonAgainst(app, socket, handshake);
    if (late === undefined) return this.#connect(app, socket, handshake);
    this.#needs.quota.dismiss(app.id);
    return this.#refuse(socket, handshake, late, app);
  }

  dismiss(connection: Connection): void {
    this.#needs.hub.remove(connection);
    if (connection.isProbe) return;
    this.#countAddress(connection.socket, -1);
    this.#needs.quota.dismiss(connection.app.id);
  }

  /** SPEC 2.5: the first reason in the order of the rule. */
  #reasonAgainst(app: App, socket: Socket, handshake: Handshake): Refusal | undefined {
    if (this.#stopped) return CLOSING;
    if (!app.enabled) return [errors.appDisabled, 'app_disabled'];
    const version = refusedVersion(handshake.protocol);
    if (version !== undefined) return [version, 'protocol_version'];
    if (handshake.isProbe === true) return undefined;
    if (app.requireTls && !socket.secure) return [errors.tlsRequired, 'tls_required'];
    if (!originAllowed(app.allowedOrigins, handshake.origin)) return [errors.originNotAllowed, 'origin'];
    const full = this.#sockets.fullness(() => socket.remoteAddress);
    return full && [errors.overCapacity, full];
  }

  #refuse(socket: Socket, handshake: Handshake, [told, reason]: Refusal, app: App | undefined): undefined {
    this.#needs.logger.debug('Connection Refused', socket.remoteAddress, told.message);
    this.#needs.refusals.count(reason, exampleOf(socket, handshake, app ?? this.#needs.unusedAppsHint));
    const { errorDataAsString } = app ?? this.#needs;
    const tell = (): void => tellRefusal(socket, told, errorDataAsString);
    if (told === errors.tlsRequired) this.#later(tell);
    else tell();
  }

  /** SPEC 2.5: clients answer this refusal by connecting again at once, so that it sets the pace of their circle. */
  #later(tell: () => void): void {
    const { delayedRefusals, refusalDelayMs } = this.#needs.limits;
    if (refusalDelayMs === 0 || this.#stopped || this.#delayed.size >= delayedRefusals) return tell();
    const timer = setTimeout(() => {
      this.#delayed.delete(timer);
      tell();
    }, refusalDelayMs);
    this.#delayed.add(timer);
  }

  /** SPEC 2.3, 2.4: an id that is taken is drawn again. */
  #connect(app: App, socket: Socket, { isProbe = false, decided }: Handshake): Connection {
    const { hub, clock, logger, outbound } = this.#needs;
    let connection: Connection;
    do connection = new Connection(app, newSocketId(), socket, clock(), outbound);
    while (!hub.add(connection));
    connection.isProbe = isProbe;
    connection.authorized = isProbe;
    if (!isProbe) this.#countAddress(socket, 1);
    logger.debug('Connection Established', connection.socketId);
    connection.send(encode.connectionEstablished(connection.socketId, app.activityTimeoutSeconds));
    decided?.(true);
    return connection;
  }

  #countAddress(socket: Socket, change: 1 | -1): void {
    if (this.#sockets.countsAddresses) this.#sockets.countAddress(socket.remoteAddress, change);
  }
}

function tellRefusal(socket: Socket, { code, message }: ErrorEntry, asString: boolean): void {
  socket.write(socket.encoder.encode(encode.error(code, message, asString)));
  socket.close(code, message);
}

/** A key that is not ours is a word of the client's: cut, for the log. */
const exampleOf = (socket: Socket, { appKey, origin }: Handshake, app: App | string | undefined) => ({
  ...(typeof app === 'object' ? { app: app.id } : { key: plainWord(appKey) }),
  ...(typeof app === 'string' ? { expected: app } : {}),
  address: socket.remoteAddress,
  ...(origin === undefined ? {} : { origin: plainWord(origin) }),
});

const plainWord = (word: string): string => word.slice(0, 64);

/** SPEC 2.2: nothing and 4 or more are welcome. */
function refusedVersion(protocol: string | undefined): ErrorEntry | undefined {
  if (protocol === undefined) return undefined;
  if (!/^\d+$/.test(protocol)) return errors.invalidVersion;
  return Number(protocol) < 4 ? errors.unsupportedVersion : undefined;
}
