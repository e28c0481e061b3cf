import { parseUrl } from '../../../core/util/url.ts';
import { textIn } from '../../../settings/settings.ts';
import type { LaravelApp } from '../laravel/app.ts';
import type { EchoOptions } from './echo-options.ts';

/** Where browsers connect, and with which key. */
export interface PublicAddress {
  readonly url: URL | undefined;
  readonly key: string | undefined;
}

/** The address that the options of Echo give; `undefined` when there is none, or when only a browser knows it. */
export function addressOf(options: EchoOptions): URL | undefined {
  const { wsHost, wsPort, wssPort, forceTls, unknown, wsPath } = options;
  if (wsHost === undefined || unknown.has('forceTLS')) return undefined;
  const isTls = forceTls === true;
  const port = isTls ? wssPort : wsPort;
  return addressFrom(isTls ? 'https' : 'http', wsHost, port ?? (isTls ? '443' : '80'), wsPath);
}

export function addressFrom(scheme: string, host: string, port: string, path: string): URL | undefined {
  const name = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  if (/[/?#@\s]/.test(host)) return undefined;
  return parseUrl(`${scheme}://${name}:${port}${path === '' ? '' : `/${path}`}`);
}

/** Address and key of browsers: from Echo's options, else from Vite's variables. */
export function publicAddress({ echo, vite }: LaravelApp): PublicAddress {
  const options = echo.find(({ options: { broadcaster } }) => isPusherLike(broadcaster))?.options;
  if (options !== undefined) return { url: addressOf(options), key: options.key };
  const prefix = ['VITE_REVERB_', 'VITE_PUSHER_', 'MIX_PUSHER_'].find(
    (each) => textIn(vite, `${each}HOST`) !== undefined,
  );
  if (prefix === undefined) return { url: undefined, key: undefined };
  const scheme = textIn(vite, `${prefix}SCHEME`) ?? 'https';
  const port = textIn(vite, `${prefix}PORT`) ?? (scheme === 'https' ? '443' : '80');
  return {
    url: addressFrom(scheme, textIn(vite, `${prefix}HOST`) ?? '', port, ''),
    key: textIn(vite, `${prefix}APP_KEY`),
  };
}

export const isPusherLike = (name: string | undefined): boolean => name === 'reverb' || name === 'pusher';
