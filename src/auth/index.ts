import type { AppProvider } from '../core/ports/apps.ts';
import type { Metric } from '../core/ports/metric.ts';
import type { DecisionStore, ForgetRequest, Forgotten } from '../core/ports/decisions.ts';
import type { Refusals } from '../core/refusals/refusals.ts';
import { AppUpstream } from './gateway/app-upstream.ts';
import { ownerDigest } from './gateway/credentials.ts';
import { explainDecisions } from './recent/explain.ts';
import type { RecentDecision } from './recent/recent.ts';
import type { TokenRights } from './rights.ts';
import { AuthGateway } from './gateway/gateway.ts';
import type { AppUpstreamOptions, GatewayOptions } from './gateway/options.ts';
import { gatewayMetrics } from './gateway/metrics.ts';

export { registerGateway } from './gateway/plugin.ts';

interface AuthDeps {
  readonly apps: AppProvider;
  readonly decisions: DecisionStore;
  readonly refusals: Refusals;
  readonly tokens: TokenRights | undefined;
}

export interface Auth {
  readonly gateway: AuthGateway;
  readonly metrics: readonly Metric[];
  /** SPEC 14.6. Rejects with `Unavailable`. */
  forget(what: ForgetRequest): Promise<void>;
  /** SPEC 17.13: questions of all processes, with the reasons of their outcomes. */
  explain(all: readonly RecentDecision[]): readonly object[];
  stop(): void;
}

/** Opens the auth gateway; `app` is `undefined` where tokens alone decide. */
export function openAuth(options: GatewayOptions, app: AppUpstreamOptions | undefined, deps: AuthDeps): Auth {
  const upstream = app && new AppUpstream(app);
  const gateway = new AuthGateway({ ...deps, options, upstream });
  return {
    gateway,
    metrics: gatewayMetrics(gateway, upstream),
    forget: (what) => deps.decisions.forget(forgotten(what)),
    explain: explainDecisions,
    stop: () => upstream?.stop(),
  };
}

function forgotten(request: ForgetRequest): Forgotten {
  switch (request.what) {
    case 'session':
      return { what: 'owner', digest: ownerDigest('session', request.name) };
    case 'token':
      return { what: 'owner', digest: ownerDigest('bearer', request.name) };
    case 'channel':
      return { what: 'channel', channel: request.name };
    case 'all':
    case 'owner':
    case 'user':
      return request;
  }
}
