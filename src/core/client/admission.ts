import { encode, type ErrorEntry, errors, newSocketId } from '#protocol';
import type { App } from '../app.ts';
import { Connection } from './connection.ts';
import type { Hub } from '../channels/hub.ts';
import { originAllowed } from './origin.ts';
import type { Outbound } from './outbound.ts';
import type { AppProvider } from '../ports/apps.ts';
import type { Clock } from '../ports/clock.ts';
import type { ConnectionQuota } from '../ports/stores.ts';
import type { Logger } from '../ports/logger.ts';
import type { Handshake, Socket } from '../ports/transport.ts';
import type { RefusalReason } from '../refusals/reasons.ts';
import type { Refusals } from '../refusals/refusals.ts';
import type { AppTraffic } from '../traffic/app-traffic.ts';
import { causeOfClose } from '../traffic/close-cause.ts';
import type { Traffic } from '../traffic/traffic.ts';
import type { Tabs } from '../resume/tabs.ts';
import type { NodeEvents } from '../webhooks/node-events.ts';
import { type ConnectionLimits, SocketLimits } from './socket-limits.ts';

export interface AdmissionLimits extends ConnectionLimits {
  /** Refusals that may be delayed at the same time (SPEC 2.5); one more is sent at once. */
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
  readonly traffic: Traffic;
  readonly nodeEvents: NodeEvents;
  readonly tabs: Pick<Tabs, 'opened'>;
  /** SPEC 1.3: the form of errors for clients whose app is unknown. */
  readonly errorDataAsString: boolean;
  /** Names the apps of the environment that are not served, for the log. */
  readonly unusedAppsHint?: string | undefined;
  /** Given when sockets are held beside the connections. */
  readonly sockets?: SocketLimits;
}

/** A refusal: the error for the client, and the reason for the operator. */
type AdmissionRefusal = readonly [error: ErrorEntry, reason: RefusalReason];

/** SPEC 2.13: with `errors.closing` the client would come back to this server at once. */
const CLOSING: AdmissionRefusal = [errors.stopping, 'server_closing'];
const UNKNOWN_APP: AdmissionRefusal = [errors.unknownApp, 'unknown_app'];

/** Admits and refuses clients (SPEC 2.2 to 2.7). `dismiss` takes back what `admit` counted. */
export class Admission {
  readonly #deps: AdmissionDeps;
  readonly #sockets: SocketLimits;
  readonly #delayed = new Set<NodeJS.Timeout>();
  #stopped = false;

  constructor(deps: AdmissionDeps) {
    this.#deps = deps;
    this.#sockets = deps.sockets ?? new SocketLimits(deps.limits, deps.hub);
  }

  /** Refuses every client from now on (SPEC 2.13). */
  stop(): void {
    this.#stopped = true;
  }

  async admit(socket: Socket, handshake: Handshake): Promise<Connection | undefined> {
    const app = this.#stopped ? undefined : await this.#deps.apps.byKey(handshake.appKey);
    if (app === undefined) return this.#refuse(socket, handshake, this.#stopped ? CLOSING : UNKNOWN_APP, app);
    const refusal = this.#reasonAgainst(app, socket, handshake);
    if (refusal !== undefined) return this.#refuse(socket, handshake, refusal, app);
    if (handshake.isProbe === true) return this.#connect(app, socket, handshake);
    if (!(await this.#deps.quota.admit(app.id, app.limits.connections))) {
      return this.#refuse(socket, handshake, [errors.overQuota, 'app_quota'], app);
    }
    // Other clients connected, the app changed, or the server stopped, while the quota answered.
    const present = await this.#deps.apps.byId(app.id);
    const late = present === undefined ? UNKNOWN_APP : this.#reasonAgainst(present, socket, handshake);
    if (present !== undefined && late === undefined) return this.#connect(present, socket, handshake);
    this.#deps.quota.dismiss(app.id);
    return this.#refuse(socket, handshake, late ?? UNKNOWN_APP, app);
  }

  /** `code`: with which the socket closed. */
  dismiss(connection: Connection, code: number): void {
    this.#deps.hub.remove(connection);
    if (connection.isProbe) return;
    const { socket, traffic, closeMessage, terminateCause } = connection;
    const cause = terminateCause ?? causeOfClose(code, closeMessage);
    const { traffic: all, nodeEvents, clock } = this.#deps;
    if (all.live.isWatched) all.live.disconnected(connection, code, cause);
    all.closed.add(connection, code, cause, clock());
    nodeEvents.connectionClosed(connection, code, cause, clock());
    traffic.connections.add(socket.transport, -1);
    traffic.closed.add(cause);
    this.#countAddress(socket, -1);
    this.#deps.quota.dismiss(connection.app.id);
  }

  /** SPEC 2.5: the first reason in the order of the rule. */
  #reasonAgainst(app: App, socket: Socket, handshake: Handshake): AdmissionRefusal | undefined {
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

  #refuse(
    socket: Socket,
    handshake: Handshake,
    [error, reason]: AdmissionRefusal,
    app: App | undefined,
  ): undefined {
    this.#deps.logger.debug('Connection Refused', socket.remoteAddress, error.message);
    this.#trafficOf(app).refused.add(String(error.code));
    this.#deps.refusals.count(reason, exampleOf(socket, handshake, app ?? this.#deps.unusedAppsHint));
    const { errorDataAsString } = app ?? this.#deps;
    const send = (): void => sendRefusal(socket, error, errorDataAsString);
    if (error === errors.tlsRequired) this.#later(send);
    else send();
  }

  #trafficOf(app: App | undefined): AppTraffic {
    const { traffic } = this.#deps;
    return app === undefined ? traffic.unknown : traffic.of(app.id);
  }

  /** SPEC 2.5: clients answer this refusal by connecting again at once; the delay limits how often. */
  #later(send: () => void): void {
    const { delayedRefusals, refusalDelayMs } = this.#deps.limits;
    if (refusalDelayMs === 0 || this.#stopped || this.#delayed.size >= delayedRefusals) return send();
    const timer = setTimeout(() => {
      this.#delayed.delete(timer);
      send();
    }, refusalDelayMs);
    this.#delayed.add(timer);
  }

  /** SPEC 2.3, 2.4: an id that is taken is drawn again. */
  #connect(app: App, socket: Socket, { isProbe = false, tab, decided }: Handshake): Connection {
    const { hub, clock, logger, outbound } = this.#deps;
    const traffic = this.#trafficOf(app);
    let connection: Connection;
    do connection = new Connection({ app, socketId: newSocketId(), socket, outbound, traffic }, clock());
    while (!hub.add(connection));
    connection.isProbe = isProbe;
    connection.authorized = isProbe;
    if (!isProbe) this.#countOpened(connection);
    logger.debug('Connection Established', connection.socketId);
    if (tab !== undefined) this.#deps.tabs.opened(connection, tab);
    connection.send(encode.connectionEstablished(connection.socketId, app.activityTimeoutSeconds));
    decided?.(true);
    return connection;
  }

  #countOpened(connection: Connection): void {
    const { socket, traffic } = connection;
    const { nodeEvents, traffic: all } = this.#deps;
    if (all.live.isWatched) all.live.connected(connection);
    nodeEvents.connectionOpened(connection);
    traffic.opened.add(socket.transport);
    traffic.connections.add(socket.transport);
    this.#countAddress(socket, 1);
  }

  #countAddress(socket: Socket, change: 1 | -1): void {
    if (this.#sockets.countsAddresses) this.#sockets.countAddress(socket.remoteAddress, change);
  }
}

function sendRefusal(socket: Socket, { code, message }: ErrorEntry, asString: boolean): void {
  socket.write(socket.encoder.encode(encode.error(code, message, asString)));
  socket.close(code, message);
}

/** The details of the log line. An unknown key is text of the client: it is cut. */
const exampleOf = (socket: Socket, { appKey, origin }: Handshake, app: App | string | undefined) => ({
  ...(typeof app === 'object' ? { app: app.id } : { key: shortened(appKey) }),
  ...(typeof app === 'string' ? { expected: app } : {}),
  address: socket.remoteAddress,
  ...(origin === undefined ? {} : { origin: shortened(origin) }),
});

const shortened = (text: string): string => text.slice(0, 64);

/** SPEC 2.2: no version, and versions from 4 on, are accepted. */
function refusedVersion(protocol: string | undefined): ErrorEntry | undefined {
  if (protocol === undefined) return undefined;
  if (!/^\d+$/.test(protocol)) return errors.invalidVersion;
  return Number(protocol) < 4 ? errors.unsupportedVersion : undefined;
}
