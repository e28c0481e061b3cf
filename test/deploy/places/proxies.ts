/** The proxies of examples/deploy as processes: the printed file, with the ports of a test. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../support/free-port.ts';
import { program } from '../../support/programs.ts';
import { runProxy } from '../../support/proxies.ts';
import { deployFile, withReplaced } from './files.ts';

export const PROXIES = ['nginx', 'caddy', 'apache', 'haproxy'] as const;
export type ProxyName = (typeof PROXIES)[number];

interface Places {
  readonly folder: string;
  readonly port: number;
  readonly upstream: number;
  /** The configuration, as it is printed. */
  readonly site: string;
}
type Started = readonly [command: string, args: readonly string[]];

/** Writes a file into the folder of the test. */
function write(folder: string, name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

const UPSTREAM = '127.0.0.1:8080';

function nginx({ folder, port, upstream, site: printed }: Places): Started {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const site = withReplaced(printed, {
    'listen 80;': `listen 127.0.0.1:${port};`,
    [UPSTREAM]: `127.0.0.1:${upstream}`,
  });
  const paths = temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n');
  const text = `pid ${folder}/nginx.pid;\nerror_log stderr warn;\nevents {}\nhttp {\naccess_log off;\n${paths}\n${site}\n}\n`;
  return [
    program('nginx'),
    ['-p', folder, '-c', write(folder, 'nginx.conf', text), '-g', 'daemon off;', '-e', 'stderr'],
  ];
}

function caddy({ folder, port, upstream, site: printed }: Places): Started {
  const site = withReplaced(printed, {
    'http://ws.example.com:80 {': `http://127.0.0.1:${port} {`,
    [UPSTREAM]: `127.0.0.1:${upstream}`,
  });
  const file = write(folder, 'Caddyfile', `{\n\tadmin off\n}\n${site}`);
  const homes = [`HOME=${folder}`, `XDG_DATA_HOME=${folder}`, `XDG_CONFIG_HOME=${folder}`];
  return [program('env'), [...homes, program('caddy'), 'run', '--adapter', 'caddyfile', '--config', file]];
}

const APACHE_MODULES = ['mpm_event', 'authz_core', 'alias', 'headers', 'proxy', 'proxy_http'];
const APACHE_FOLDER = '/usr/lib/apache2/modules';

function apache({ folder, port, upstream, site: printed }: Places): Started {
  const site = withReplaced(printed, {
    '<VirtualHost *:80>': `<VirtualHost 127.0.0.1:${port}>`,
    [UPSTREAM]: `127.0.0.1:${upstream}`,
  });
  const modules = APACHE_MODULES.map((name) => `LoadModule ${name}_module ${APACHE_FOLDER}/mod_${name}.so`);
  const base = [
    `ServerRoot ${folder}`,
    `DefaultRuntimeDir ${folder}`,
    `PidFile ${folder}/apache.pid`,
    `ErrorLog ${folder}/error.log`,
    'ServerName localhost',
    ...modules,
    ...(process.getuid?.() === 0 ? ['User www-data', 'Group www-data'] : []),
    `Listen 127.0.0.1:${port}`,
  ];
  return [
    program('apache2'),
    ['-D', 'FOREGROUND', '-f', write(folder, 'apache.conf', `${base.join('\n')}\n${site}`)],
  ];
}

function haproxy({ folder, port, upstream, site: printed }: Places): Started {
  const text = withReplaced(printed, {
    'bind :80\n': `bind 127.0.0.1:${port}\n`,
    [UPSTREAM]: `127.0.0.1:${upstream}`,
  });
  return [program('haproxy'), ['-db', '-f', write(folder, 'haproxy.cfg', text)]];
}

const COMMANDS: Readonly<Record<ProxyName, (places: Places) => Started>> = { nginx, caddy, apache, haproxy };

const FILES: Readonly<Record<ProxyName, string>> = {
  nginx: 'nginx/wavehall.conf',
  caddy: 'caddy/Caddyfile',
  apache: 'apache/wavehall.conf',
  haproxy: 'haproxy/haproxy.cfg',
};

export interface RunningProxy {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Starts a proxy in front of a port of this machine, with its file of examples/deploy or another printed configuration. */
export async function startProxy(
  name: ProxyName,
  upstream: number,
  site = deployFile(FILES[name]),
): Promise<RunningProxy> {
  const folder = mkdtempSync(join(tmpdir(), `wavehall-${name}-`));
  const port = await freePort();
  const [command, args] = COMMANDS[name]({ folder, port, upstream, site });
  const proxy = await runProxy(folder, command, args, port);
  return {
    host: '127.0.0.1',
    port,
    async close() {
      await proxy.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
