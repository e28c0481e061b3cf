/** nginx, Caddy and Apache with the blocks of docs/auth-gateway.md: Wavehall gets the two paths, Laravel all others. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { withPrograms } from '../../support/programs.ts';
import { type ProxyName, startProxy } from './proxies.ts';

const PAGE = readFileSync(new URL('../../../docs/auth-gateway.md', import.meta.url), 'utf8');
const blockOf = (language: string): string =>
  new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(PAGE)?.[1] ?? '';

/** The site of an app with the printed block. */
const SITES: Readonly<Partial<Record<ProxyName, (laravel: string) => string>>> = {
  nginx: (laravel) => `server {\nlisten 80;\n${blockOf('nginx')}\nlocation / { proxy_pass ${laravel}; }\n}`,
  caddy: (laravel) =>
    `http://ws.example.com:80 {\n${blockOf('caddy')}\nhandle {\nreverse_proxy ${laravel.slice(7)}\n}\n}`,
  apache: (laravel) =>
    `<VirtualHost *:80>\n${blockOf('apache')}\nProxyPass "/" "${laravel}/"\n</VirtualHost>`,
};

/** A server that answers with its name and what it received. */
async function startNamed(name: string) {
  const server = createServer((request, response) => {
    const { method, url, headers } = request;
    response.end(
      JSON.stringify({ name, method, url, host: headers.host, proto: headers['x-forwarded-proto'] }),
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

withPrograms('blocks of the auth gateway', ['nginx', 'caddy', 'apache2'], () => {
  test.each(Object.keys(SITES) as ProxyName[])('14.1 %s', async (name) => {
    const [wavehall, laravel] = [await startNamed('wavehall'), await startNamed('laravel')];
    const site = SITES[name]!(`http://127.0.0.1:${laravel.port}`);
    const proxy = await startProxy(name, wavehall.port, site);
    const origin = `http://127.0.0.1:${proxy.port}`;
    try {
      const ask = async (path: string): Promise<Record<string, string>> =>
        (await (await fetch(origin + path, { method: 'POST', body: 'a=b' })).json()) as Record<
          string,
          string
        >;
      for (const path of ['/broadcasting/auth', '/broadcasting/user-auth'])
        expect(await ask(path)).toEqual({
          ...{ name: 'wavehall', method: 'POST', url: path },
          ...{ host: `127.0.0.1:${proxy.port}`, proto: 'http' },
        });
      expect((await ask('/broadcasting/auth?x=1')).url).toBe('/broadcasting/auth?x=1');
      for (const path of ['/', '/broadcasting', '/broadcasting/auth/x', '/x/broadcasting/auth', '/api/login'])
        expect([path, (await ask(path)).name]).toEqual([path, 'laravel']);
    } finally {
      await proxy.close();
      for (const { server } of [wavehall, laravel]) {
        server.closeAllConnections();
        server.close();
      }
    }
  });
});
