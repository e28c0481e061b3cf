import type * as transport from '../ports/transport.ts';
import { Admission, type AdmissionDeps } from './admission.ts';
import { MessageHandler, type MessageHandlerDeps } from './message-handler.ts';
import { ClientSession, type SessionDeps } from './session.ts';

type GatewayDeps = Omit<AdmissionDeps, 'tabs'> & MessageHandlerDeps & Pick<SessionDeps, 'departures'>;

/** The only entry into the core: opens a session for each socket. */
export class CoreGateway implements transport.Gateway {
  readonly #session: SessionDeps & { readonly admission: Admission };

  constructor(deps: GatewayDeps) {
    const { tabs } = deps.resume;
    const messages = new MessageHandler(deps);
    this.#session = { ...deps, tabs, admission: new Admission({ ...deps, tabs }), messages };
  }

  opened(socket: transport.Socket, handshake: transport.Handshake): transport.Session {
    return new ClientSession(this.#session, socket, handshake);
  }

  /** Refuses every client from now on (SPEC 2.13). */
  stopAdmitting(): void {
    this.#session.admission.stop();
  }
}
