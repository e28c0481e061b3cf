// Moves browsers from 0 to 100 % and back: your app, its Reverb on another port, and Wavehall on Reverb's port.
//
//   node walk.js /path/to/your/laravel/app
//
//   PORT=8080            port of Wavehall: the one that Reverb had
//   STEPS=5,25,50,100,0  the percentages
//   SECONDS=5            duration of each of them
//   BROWSERS=6           Chromium windows, each with cookies of its own
//   REVERB_COMMAND       starts another server than the app's Reverb, on $PORT, e.g. for a run without PHP
import { spawn } from 'node:child_process';
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, request } from 'node:http';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const wavehall = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const pusherJs = new URL('../../node_modules/pusher-js/dist/web/pusher.min.js', import.meta.url);
const [folder] = process.argv.slice(2);
const { REVERB_COMMAND: reverbCommand, CHROMIUM_PATH: chromiumPath = '/usr/bin/chromium' } = process.env;
const steps = (process.env.STEPS ?? '5,25,50,100,0').split(',').map(Number);
const stepMs = Number(process.env.SECONDS ?? 5) * 1000;
const windows = Number(process.env.BROWSERS ?? 6);
const START_MS = 20_000;
const CHANNELS = ['walk-news', 'private-walk-orders', 'presence-walk-room'];

const temporary = mkdtempSync(join(tmpdir(), 'wavehall-cutover-'));
const undo = [];
let isStopping = false;

// --- processes -----------------------------------------------------------------------------------

async function freePort(wanted = 0) {
  const probe = createServer().listen(wanted, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

const answers = (port) =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.end());
    socket.on('error', () => resolve(false));
    socket.on('close', (hadError) => resolve(!hadError));
  });

/** Starts a program; with a port, waits until it listens. Prints its output when it ends by itself. */
async function start(name, command, args, { port, env = {}, cwd = temporary } = {}) {
  const child = spawn(command, args, {
    cwd,
    detached: true,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => (output = (output + chunk).slice(-4000)));
  child.stdin.on('error', () => undefined);
  let failure;
  child.on('error', (error) => (failure = error.message));
  const isOver = () => failure !== undefined || child.exitCode !== null || child.signalCode !== null;
  child.on('exit', () => isStopping || console.error(`${name} has ended:\n${output}`));
  undo.unshift(async () => {
    if (isOver()) return;
    const exited = once(child, 'exit');
    // The whole process group: the app's web server has workers.
    process.kill(-child.pid, 'SIGTERM');
    const hard = setTimeout(() => process.kill(-child.pid, 'SIGKILL'), 3000);
    await exited;
    clearTimeout(hard);
  });
  for (let waited = 0; port !== undefined && !(await answers(port)); waited += 50) {
    if (isOver() || waited > START_MS) throw new Error(`${name} did not start: ${failure ?? output}`);
    await pause(50);
  }
  return child;
}

async function stop() {
  if (isStopping) return;
  isStopping = true;
  for (const step of undo) await step().catch(() => undefined);
  rmSync(temporary, { recursive: true, force: true });
}

// --- the app's own settings ----------------------------------------------------------------------

/** Reads the app's credentials, which are the same on both servers. */
function credentials() {
  const env = folder === undefined ? '' : readFileSync(join(folder, '.env'), 'utf8');
  const read = (name, fallback) => {
    const value =
      new RegExp(`^${name}=["']?([^"'\\r\\n]*)`, 'm').exec(env)?.[1] || (folder === undefined && fallback);
    if (!value)
      throw new Error(`${name} is not in ${join(folder, '.env')}: is Reverb installed in this app?`);
    return value;
  };
  return {
    REVERB_APP_ID: read('REVERB_APP_ID', 'app-id'),
    REVERB_APP_KEY: read('REVERB_APP_KEY', 'app-key'),
    REVERB_APP_SECRET: read('REVERB_APP_SECRET', 'app-secret'),
  };
}

/** Starts a worker that broadcasts one event after another, with the app's own broadcaster when there is an app. */
async function worker(name, app, port) {
  if (folder === undefined) return (event) => publish(app, port, event);
  const env = { REVERB_HOST: '127.0.0.1', REVERB_PORT: String(port), REVERB_SCHEME: 'http' };
  const script = fileURLToPath(new URL('publish.php', import.meta.url));
  const child = await start(name, 'php', [script, folder], { env, cwd: folder });
  const waiting = [];
  child.stdout.on('data', (chunk) => {
    for (const line of chunk.toString().split('\n').filter(Boolean))
      waiting.shift()?.(line === 'ok' ? undefined : line);
  });
  return async (event) => {
    const answer = new Promise((resolve) => waiting.push(resolve));
    child.stdin.write(`${JSON.stringify(event)}\n`);
    const failure = await answer;
    if (failure !== undefined) throw new Error(`${name}: ${failure}`);
  };
}

const hmac = (secret, text) => createHmac('sha256', secret).update(text).digest('hex');

/** Publishes as Pusher's server libraries do. */
async function publish({ REVERB_APP_ID: id, REVERB_APP_KEY: key, REVERB_APP_SECRET: secret }, port, event) {
  const { channel, name, data, socket } = event;
  const body = JSON.stringify({
    name,
    channel,
    data: JSON.stringify(data),
    ...(socket && { socket_id: socket }),
  });
  const path = `/apps/${id}/events`;
  const md5 = createHash('md5').update(body).digest('hex');
  const now = Math.floor(Date.now() / 1000);
  const query = `auth_key=${key}&auth_timestamp=${now}&auth_version=1.0&body_md5=${md5}`;
  const signature = hmac(secret, `POST\n${path}\n${query}`);
  const sending = request({
    ...{ host: '127.0.0.1', port, method: 'POST', agent: false },
    path: `${path}?${query}&auth_signature=${signature}`,
    headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) },
  });
  sending.end(body);
  const [answer] = await once(sending, 'response');
  answer.resume();
  if (answer.statusCode !== 200) throw new Error(`port ${port} answered ${answer.statusCode} to an event`);
}

// --- the browsers --------------------------------------------------------------------------------

/** Serves the page that the browsers open, and signs their subscriptions as an app's `/broadcasting/auth` does. */
async function servePage({ REVERB_APP_KEY: key, REVERB_APP_SECRET: secret }) {
  const files = { '/': new URL('page.html', import.meta.url), '/pusher.js': pusherJs };
  const server = createHttpServer(async (incoming, answer) => {
    const { pathname } = new URL(incoming.url, 'http://page');
    if (pathname in files) {
      answer.setHeader('Content-Type', pathname === '/' ? 'text/html' : 'text/javascript');
      return answer.end(readFileSync(files[pathname]));
    }
    let body = '';
    for await (const chunk of incoming) body += chunk;
    const { socket_id: socket, channel_name: channel, user } = Object.fromEntries(new URLSearchParams(body));
    if (pathname !== '/auth' || channel === undefined) return answer.writeHead(404).end();
    const isRoom = channel.startsWith('presence-');
    const member = isRoom && JSON.stringify({ user_id: user, user_info: { name: user } });
    const auth = `${key}:${hmac(secret, [socket, channel, ...(isRoom ? [member] : [])].join(':'))}`;
    return answer.end(JSON.stringify({ auth, ...(isRoom && { channel_data: member }) }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  undo.unshift(async () => void server.close().closeAllConnections());
  return `http://127.0.0.1:${server.address().port}/`;
}

async function openBrowsers(address, key, port) {
  if (!existsSync(chromiumPath)) throw new Error(`Chromium is not at ${chromiumPath}: set CHROMIUM_PATH.`);
  const { chromium } = await import('playwright-core');
  const args = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic'];
  const browser = await chromium.launch({ executablePath: chromiumPath, args });
  undo.unshift(() => browser.close());
  const open = async (_, at) => {
    const context = await browser.newContext();
    const page = await context.newPage();
    const query = new URLSearchParams({ key, port: String(port), user: `user-${at}` });
    await page.goto(`${address}?${query}`);
    return { user: `user-${at}`, context, page };
  };
  return Promise.all(Array.from({ length: windows }, open));
}

const settled = ({ page }) => page.waitForFunction('walk.isSettled()', undefined, { timeout: 30_000 });
const bucketOf = async ({ context }) => {
  const cookie = (await context.cookies()).find(({ name }) => name === 'wavehall_bucket');
  return cookie === undefined ? undefined : Number(cookie.value);
};

// --- the walk ------------------------------------------------------------------------------------

/** Runs `wavehall cutover` as an operator does. */
async function cutover(port, token, ...words) {
  const args = [wavehall, 'cutover', ...words, '--url', `http://127.0.0.1:${port}`, '--token', token];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`wavehall cutover ${words.join(' ')}: ${output}`);
  return output;
}

/** Publishes at both servers until the returned function is called; every fifth event excludes one window. */
function publishing(workers, browsers, sent) {
  let isOver = false;
  const run = async ([name, send]) => {
    for (let turn = 0; !isOver; turn += 1) {
      const channel = CHANNELS[turn % CHANNELS.length];
      const number = sent.length;
      const event = { number, channel, by: name, except: undefined };
      sent.push(event);
      // A worker that publishes to Reverb can exclude only windows that are connected to Reverb.
      if (turn % 5 === 4 && name === 'switched')
        event.except = await browsers[turn % browsers.length].page.evaluate('walk.socket');
      await send({ channel, name: 'walked', data: { number }, socket: event.except });
      await pause(60);
    }
  };
  const runs = Promise.all(workers.map(run));
  return async () => {
    isOver = true;
    await runs;
  };
}

/** Counts each window's events; those published while it changed servers are not expected. */
async function verdictOf(browsers, sent, windowsAway) {
  const rows = [];
  for (const browser of browsers) {
    const { received, connects, people } = await browser.page.evaluate('({ ...walk })');
    const numbers = received.map(({ number }) => number);
    const excluded = received.filter(({ number, socket }) => sent[number].except === socket).length;
    const away = windowsAway.get(browser.user) ?? [];
    const lost = sent.filter(
      ({ number, except }) =>
        except === undefined &&
        !numbers.includes(number) &&
        !away.some(([from, to]) => number >= from && number <= to),
    );
    const doubled = numbers.length - new Set(numbers).size;
    rows.push({
      window: browser.user,
      received: numbers.length,
      lost: lost.length,
      doubled,
      excluded,
      connects,
      people: people.length,
    });
  }
  return rows;
}

async function main() {
  if (!existsSync(wavehall)) throw new Error('Build the server first: npm ci && npm run build');
  if (folder === undefined && reverbCommand === undefined)
    throw new Error('The path of the app is missing: node walk.js /path/to/your/laravel/app');
  const app = credentials();
  const port = await freePort(Number(process.env.PORT ?? 8080));
  const reverbPort = await freePort();
  const token = randomBytes(16).toString('hex');

  const reverbEnv = { ...app, PORT: String(reverbPort), REVERB_SERVER_PORT: String(reverbPort) };
  if (reverbCommand !== undefined)
    await start('the upstream', 'sh', ['-c', `exec ${reverbCommand}`], {
      port: reverbPort,
      env: reverbEnv,
      cwd: process.cwd(),
    });
  else
    await start('Reverb', 'php', ['artisan', 'reverb:start', '--host=127.0.0.1', `--port=${reverbPort}`], {
      port: reverbPort,
      cwd: folder,
    });
  await start('Wavehall', process.execPath, [wavehall, 'start'], {
    port,
    env: {
      ...app,
      REVERB_SERVER_HOST: '127.0.0.1',
      REVERB_SERVER_PORT: String(port),
      WAVEHALL_CUTOVER_UPSTREAM: `http://127.0.0.1:${reverbPort}`,
      WAVEHALL_CUTOVER_STATE_FILE: join(temporary, 'state.json'),
      WAVEHALL_ADMIN_TOKEN: token,
    },
  });
  if (folder !== undefined) {
    const appPort = await freePort();
    // Reverb's usual address is now that of Wavehall's front door.
    const env = { REVERB_HOST: '127.0.0.1', REVERB_PORT: String(port), REVERB_SCHEME: 'http' };
    await start('the app', 'php', ['artisan', 'serve', '--host=127.0.0.1', `--port=${appPort}`], {
      port: appPort,
      env,
      cwd: folder,
    });
    console.log(`The app        http://127.0.0.1:${appPort}`);
  }
  console.log(`Front door     127.0.0.1:${port} (Wavehall)\nReverb         127.0.0.1:${reverbPort}\n`);

  const browsers = await openBrowsers(await servePage(app), app.REVERB_APP_KEY, port);
  await Promise.all(browsers.map(settled));
  const workers = [
    ['switched', await worker('a switched worker', app, port)],
    ['not switched', await worker('a worker that is not switched', app, reverbPort)],
  ];
  const sent = [];
  const away = new Map(browsers.map(({ user }) => [user, []]));
  const stopPublishing = publishing(workers, browsers, sent);
  await pause(stepMs);

  for (const percent of steps) {
    const before = sent.length;
    const connects = await Promise.all(browsers.map(({ page }) => page.evaluate('walk.connects')));
    await cutover(port, token, 'set', String(percent), '--move');
    // Windows that change the server reconnect within a second or two.
    await pause(2500);
    await Promise.all(browsers.map(settled));
    const sides = { wavehall: 0, reverb: 0 };
    for (const [at, browser] of browsers.entries()) {
      sides[(await bucketOf(browser)) < percent * 100 ? 'wavehall' : 'reverb'] += 1;
      const hasMoved = (await browser.page.evaluate('walk.connects')) !== connects[at];
      if (hasMoved) away.get(browser.user).push([Math.max(0, before - 2), sent.length]);
    }
    console.log(
      `${String(percent).padStart(3)} %   ${sides.wavehall} windows on Wavehall, ${sides.reverb} on Reverb`,
    );
    await pause(stepMs);
  }
  await stopPublishing();
  await pause(1500);
  console.log(`\n${await cutover(port, token)}`);
  const rows = await verdictOf(browsers, sent, away);
  console.table(rows);
  const isGood = rows.every(
    ({ lost, doubled, excluded, people }) => lost + doubled + excluded === 0 && people === windows,
  );
  console.log(
    isGood
      ? `No event lost or doubled: ${sent.length} events, each once in each window.`
      : 'Events were lost or doubled: see the table.',
  );
  if (!isGood) process.exitCode = 1;
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => void stop().then(() => process.exit(130)));
try {
  await main();
} catch (error) {
  if (!isStopping) {
    console.error(error.message);
    process.exitCode = 1;
  }
} finally {
  await stop();
}
