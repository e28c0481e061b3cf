import type * as transport from '../ports/transport.ts';
import { Admission, type AdmissionDeps } from './admission.ts';
import { MessageHandler, type MessageHandlerDeps } from './message-handler.ts';
import { ClientSession, type SessionDeps } from './session.ts';

type GatewayDeps = AdmissionDeps & MessageHandlerDeps;

/** The only entry into the core: opens a session for each socket. */
export class CoreGateway implements transport.Gateway {
  readonly #session: SessionDeps & { readonly admission: Admission };

  constructor(deps: GatewayDeps) {
    this.#session = { ...deps, admission: new Admission(deps), messages: new MessageHandler(deps) };
  }

  opened(socket: transport.Socket, handshake: transport.Handshake): transport.Session {
    return new ClientSession(this.#session, socket, handshake);
  }

  /** Refuses every client from now on (SPEC 2.13). */
  stopAdmitting(): void {
    this.#session.admission.stop();
  }
}
