/** Servers and proxies with the faults that people have in front of Wavehall. */
import { once } from 'node:events';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type RequestListener } from 'node:http';
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findNginx } from '../support/cluster-nginx.ts';
import { freePort } from '../support/free-port.ts';
import { runProxy } from '../support/proxies.ts';

export interface Site {
  readonly port: number;
  close(): Promise<void>;
}

async function listening(server: Server, port = 0): Promise<Site> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Accepts connections and never answers. */
export const startSilent = (port: number): Promise<Site> => listening(createTcpServer(), port);

/** Answers each request, and each upgrade, in the same way. */
export const startHttp = (listener: RequestListener, port = 0): Promise<Site> =>
  listening(createServer(listener), port);

/** A proxy for requests that moves the Date header by these seconds. */
export const startWrongClock = (target: number, seconds: number): Promise<Site> =>
  startHttp((incoming, response) => {
    const { method, url, headers } = incoming;
    const forwarded = request({ host: '127.0.0.1', port: target, method, path: url, headers }, (answer) => {
      const date = new Date(Date.now() + seconds * 1000).toUTCString();
      response.writeHead(answer.statusCode ?? 500, { ...answer.headers, date });
      answer.pipe(response);
    });
    forwarded.on('error', () => response.destroy());
    incoming.pipe(forwarded);
  });

/** nginx with this `server` block; `PORT` in it is the port of nginx. */
export async function startNginx(block: (port: number) => string): Promise<Site> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'wavehall-doctor-nginx-'));
  const file = join(folder, 'nginx.conf');
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder};`,
  );
  writeFileSync(
    file,
    `pid ${folder}/pid; error_log ${folder}/error.log; events {}
     http { access_log off; ${paths.join(' ')} server { listen 127.0.0.1:${port}; ${block(port)} } }`,
  );
  const nginx = await runProxy(folder, findNginx(), ['-p', folder, '-c', file, '-g', 'daemon off;'], port);
  return {
    port,
    async close() {
      await nginx.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Lines with which nginx passes WebSockets on. */
export const UPGRADE =
  'proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "Upgrade";';

export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

export interface Authority {
  /** Issues a certificate for a host that is valid for so many days; negative: it has expired. */
  issue(host: string, days: number): Certificate;
  remove(): void;
}

/** A certificate authority with an intermediate one, whose root this machine does not trust. */
export function makeAuthority(): Authority {
  const folder = mkdtempSync(join(tmpdir(), 'wavehall-doctor-ca-'));
  const openssl = (args: readonly string[]) =>
    execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl([
    'req',
    '-x509',
    ...curve,
    '-days',
    '30',
    '-subj',
    '/CN=Root',
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
  ]);
  let count = 0;
  return {
    issue(host, days) {
      count += 1;
      const name = `leaf${count}`;
      openssl(['req', ...curve, '-subj', `/CN=${host}`, '-keyout', `${name}.key`, '-out', `${name}.csr`]);
      writeFileSync(
        join(folder, `${name}.ext`),
        `subjectAltName=${/^\d/.test(host) ? 'IP' : 'DNS'}:${host}\n`,
      );
      const time = (offset: number) =>
        new Date(Date.now() + offset * 86_400_000).toISOString().replace(/[-:T]|\.\d+/g, '');
      writeFileSync(join(folder, 'index.txt'), '');
      writeFileSync(join(folder, 'serial'), `0${count}`);
      writeFileSync(
        join(folder, 'ca.cnf'),
        '[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n',
      );
      openssl([
        ...[
          'ca',
          '-batch',
          '-config',
          'ca.cnf',
          '-cert',
          'ca.crt',
          '-keyfile',
          'ca.key',
          '-in',
          `${name}.csr`,
        ],
        ...['-out', `${name}.crt`, '-extfile', `${name}.ext`, '-notext'],
        ...['-startdate', time(-20), '-enddate', time(days)],
      ]);
      return { certificate: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Ends TLS in front of a port, with this certificate. */
export function startTls({ certificate, key }: Certificate, target: number): Promise<Site> {
  const server = createTlsServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (client) => {
    const upstream = connect(target, '127.0.0.1');
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
    client.pipe(upstream).pipe(client);
  });
  return listening(server);
}
