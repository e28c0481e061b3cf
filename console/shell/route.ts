import { useEffect, useMemo, useState } from 'preact/hooks';

export type Params = Readonly<Record<string, string>>;

/** Name of the view in a hash such as `#/channels?app=shop`. */
export const viewIn = (hash: string): string => /^#\/(\w*)/.exec(hash)?.[1] ?? '';

/** The values in a hash. Links may come from anywhere: views treat them as text that somebody has typed. */
const paramsIn = (hash: string): Params => {
  const at = hash.indexOf('?');
  return at === -1 ? {} : Object.fromEntries(new URLSearchParams(hash.slice(at + 1)));
};

type Given = Readonly<Record<string, string | undefined>>;

/** Leads to a view; with `replace` the browser's Back does not return to the present one. */
export type Go = (view: string, params: Given, replace?: boolean) => void;

/** Leaves out what is empty. */
export function linkTo(view: string, params: Given): string {
  const given = Object.entries(params).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [[name, value]],
  );
  return `#/${view}${given.length === 0 ? '' : `?${new URLSearchParams(given)}`}`;
}

export const channelLink = (app: string, channel: string): string => linkTo('channels', { app, channel });
export const userLink = (app: string, user: string): string => linkTo('users', { app, user });
export const connectionLink = (app: string, socket: string): string => linkTo('connection', { app, socket });

/** The present hash. */
export function useHash(): string {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const change = (): void => setHash(location.hash);
    addEventListener('hashchange', change);
    return () => removeEventListener('hashchange', change);
  }, []);
  return hash;
}

/** The values of the present hash, and a way to others. */
export function useParams(): readonly [Params, Go] {
  const hash = useHash();
  const params = useMemo(() => paramsIn(hash), [hash]);
  const go: Go = (view, to, replace = false) => {
    if (replace) location.replace(linkTo(view, to));
    else location.hash = linkTo(view, to);
  };
  return [params, go];
}
