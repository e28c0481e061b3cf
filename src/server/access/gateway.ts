import type { FastifyInstance } from 'fastify';
import type { Auth } from '../../auth/index.ts';
import type { TokenRights } from '../../auth/rights.ts';
import type { AuthControl } from '../../admin/routes/auth.ts';
import type { Config } from '../../config/index.ts';
import type { AppProvider } from '../../core/ports/apps.ts';
import type { Stores } from '../../core/ports/stores.ts';
import type { Refusals } from '../../core/refusals/refusals.ts';
import { unmappedAddress } from '../../core/util/ip-address.ts';
import { PeerReader } from '../../transports/peer.ts';
import type { WorkerGroup } from '../worker-group.ts';

interface AuthParts {
  readonly config: Config;
  readonly stores: Pick<Stores, 'decisions'>;
  readonly tokenAccess: { readonly tokens: TokenRights | undefined };
  readonly core: { readonly apps: AppProvider; readonly refusals: Refusals };
}

/** Serves the auth gateway at the port of the clients, if Laravel's address or keys of tokens are set; otherwise its code is not loaded. */
export async function openAuthGateway(
  http: FastifyInstance,
  { config, stores, core, tokenAccess }: AuthParts,
): Promise<Auth | undefined> {
  if (config.auth === undefined) return undefined;
  const { openAuth, registerGateway } = await import('../../auth/index.ts');
  const { gateway: options, upstream, paths, maxRequestBytes } = config.auth;
  const auth = openAuth(options, upstream, {
    ...{ ...core, decisions: stores.decisions },
    tokens: tokenAccess.tokens,
  });
  http.addHook('onClose', (_, done) => {
    auth.stop();
    done();
  });
  const peers = new PeerReader(config.trustedProxies);
  registerGateway(http, {
    ...{ gateway: auth.gateway, paths, maxRequestBytes, prefix: config.path },
    clientOf: (request) => ({
      ...peers.read(request),
      viaProxy: peers.isProxy(request),
      peerAddress: unmappedAddress(request.socket.remoteAddress),
    }),
  });
  return auth;
}

const RECENT_REQUEST = 'auth-recent';

/** The gateway as the admin API shows it (SPEC 14.6, 17.13), with the questions of all workers; `undefined`: there is none. */
export function authControl(
  auth: Auth | undefined,
  workers: WorkerGroup | undefined,
): AuthControl | undefined {
  if (auth === undefined) return undefined;
  const own = () => auth.gateway.recent.read();
  workers?.onRequest(RECENT_REQUEST, own);
  return {
    forget: (what) => auth.forget(what),
    async recent() {
      const all = workers === undefined ? [own()] : await workers.requestAll(RECENT_REQUEST);
      return auth.explain((all as ReturnType<typeof own>[]).flat());
    },
  };
}
