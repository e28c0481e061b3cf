import type { Context } from '../../context.ts';
import { envFix } from '../../laravel/env.ts';
import { type Answer, isChallenge, isPage, shown } from '../../network/answer-kind.ts';
import type { ConnectFailure } from '../../network/client.ts';
import { refusalIn } from '../../../../cutover/probe/probe-frame.ts';
import { type Finding, type Fix, ok, problem, skipped } from '../../report/finding.ts';
import type { ProblemName } from '../../report/problems.ts';
import { BUILD } from '../fixes.ts';

const wsUrl = (url: URL): string => url.href.replace(/^http/, 'ws');

/** Connects as a browser does, and subscribes to a private channel. */
export async function checkConnect(context: Context): Promise<Finding[]> {
  const { public: url } = context.network.options;
  const { connected, subscribed } = await context.network.roundTrip();
  if (url === undefined || connected === undefined)
    return [skipped('connect', 'where browsers connect is not known: give --url wss://…')];
  if (connected.kind !== 'open') return [failed(context, connected, url)];
  if (subscribed === undefined)
    return [
      ok(
        'connect',
        `${wsUrl(url)} greets a browser; the secret is not known, so that no private channel was tried`,
      ),
    ];
  if (subscribed === null)
    return [
      problem('subscribe-timeout', `${wsUrl(url)} does not answer a subscription of a private channel`),
    ];
  const refusal = refusalIn(subscribed);
  if (refusal === undefined)
    return [ok('connect', `${wsUrl(url)} greets a browser, and takes it on a private channel`)];
  return [
    problem(
      'subscribe-refused',
      `${wsUrl(url)} refuses a private channel that is signed with Laravel's secret: ${refusal.message}`,
      secretFix(context),
    ),
  ];
}

const secretFix = ({ laravel, serverEnv, broadcast, network }: Context): Fix =>
  envFix(
    laravel?.env ?? serverEnv,
    `${broadcast?.connection === 'pusher' ? 'PUSHER' : 'REVERB'}_APP_SECRET`,
    `the secret of app "${network.options.appId}" at the server`,
  );

function failed(context: Context, failure: ConnectFailure, url: URL): Finding {
  const at = wsUrl(url);
  if (failure.kind === 'fault') {
    const name = `connect-${failure.report.fault}` as const;
    return problem(name, `${at}: ${failure.report.reason}`, addressFix(context, name, url));
  }
  if (failure.kind === 'answer') {
    const name = nameOfAnswer(failure.answer);
    return problem(name, `${at} answered ${shown(failure.answer)}`, addressFix(context, name, url));
  }
  const { code, message } = failure;
  const name = nameOfRefusal(code, message);
  const said = `${code ?? 'without a code'} ${message.replace(/[\p{Cc}\p{Cf}]/gu, ' ').slice(0, 120)}`;
  return problem(name, `${at} closes the connection: ${said}`, refusalFix(context, name));
}

const BY_STATUS: Readonly<Record<number, ProblemName>> = {
  400: 'connect-upgrade-missing',
  401: 'connect-forbidden',
  403: 'connect-forbidden',
  404: 'connect-path-wrong',
  405: 'connect-path-wrong',
  426: 'connect-upgrade-missing',
  502: 'connect-unavailable',
  503: 'connect-unavailable',
  504: 'connect-unavailable',
};

/** The problem that an answer shows which is no WebSocket. */
function nameOfAnswer(answer: Answer): ProblemName {
  const { status, text } = answer;
  if (isChallenge(answer)) return 'connect-page-answered';
  if (status >= 300 && status < 400) return 'connect-redirected';
  if (status === 400 && /plain HTTP request was sent to HTTPS/i.test(text)) return 'connect-scheme-wrong';
  if (status === 200) return isPage(answer) ? 'connect-page-answered' : 'connect-upgrade-missing';
  // Reverb without an Upgrade header.
  if (status === 500 && /internal server error/i.test(text)) return 'connect-upgrade-missing';
  return BY_STATUS[status] ?? 'connect-failed';
}

function nameOfRefusal(code: number | undefined, message: string): ProblemName {
  const byCode: Readonly<Record<number, ProblemName>> = {
    4000: 'connect-tls-required',
    4001: 'connect-app-unknown',
    4003: 'connect-app-disabled',
    4004: 'connect-over-quota',
    4100: 'connect-over-quota',
  };
  if (code === 4009 && /origin/i.test(message)) return 'connect-origin-refused';
  return byCode[code ?? 0] ?? 'connect-closed';
}

const NGINX =
  'proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "Upgrade";';

type Fixes = Partial<Readonly<Record<ProblemName, Fix>>>;

/** The line that changes where browsers connect, or the proxy there. */
function addressFix({ laravel, network, server }: Context, name: ProblemName, url: URL): Fix | undefined {
  const port = String(server.config?.port ?? 8080);
  const prefix = laravel?.used.broadcast.connection === 'pusher' ? 'VITE_PUSHER' : 'VITE_REVERB';
  const set = (part: string, value: string): Fix => envFix(laravel?.env, `${prefix}_${part}`, value, BUILD);
  const isTls = url.protocol === 'https:';
  const proxy = { line: `location /app { proxy_pass http://127.0.0.1:${port}; ${NGINX} }  # nginx` };
  const fixes: Fixes = {
    'connect-upgrade-missing': { line: `${NGINX}  # nginx, in the location of /app` },
    'connect-host-unknown': set('HOST', network.options.publish?.hostname ?? 'ws.example.com'),
    'connect-refused': set('PORT', isTls ? '443' : port),
    'connect-timeout': set('PORT', isTls ? '443' : port),
    'connect-scheme-wrong': set('SCHEME', isTls ? 'http' : 'https'),
    'connect-path-wrong': proxy,
    'connect-page-answered': proxy,
    'connect-unavailable': proxy,
  };
  return fixes[name];
}

function refusalFix({ laravel, serverEnv, network, server }: Context, name: ProblemName): Fix | undefined {
  const key = server.apps?.[0]?.credentials[0].key ?? '"${REVERB_APP_KEY}"';
  const page = network.options.origin?.replace(/^\w+:\/\//, '') ?? '*';
  const fixes: Fixes = {
    'connect-app-unknown': envFix(laravel?.env, 'VITE_REVERB_APP_KEY', key, BUILD),
    'connect-origin-refused': envFix(serverEnv, 'WAVEHALL_ALLOWED_ORIGINS', page),
    'connect-tls-required': envFix(serverEnv, 'WAVEHALL_TRUSTED_PROXIES', '127.0.0.1'),
  };
  return fixes[name];
}
