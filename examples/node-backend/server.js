/**
 * A backend in one file: node:http, and Pusher's own Node library pointed at Wavehall.
 * It publishes, authorises subscriptions, signs users in, lists members and disconnects users.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import Pusher from 'pusher';

const { env } = process;
const wavehall = {
  host: env.PUSHER_HOST ?? 'localhost',
  port: env.PUSHER_PORT ?? '8080',
  useTLS: env.PUSHER_SCHEME === 'https',
};
const pusher = new Pusher({
  ...wavehall,
  appId: env.PUSHER_APP_ID ?? 'app-id',
  key: env.PUSHER_APP_KEY ?? 'app-key',
  secret: env.PUSHER_APP_SECRET ?? 'app-secret',
  // Only this process and authorised pages have this key; the server forwards data that it cannot read.
  encryptionMasterKeyBase64: env.PUSHER_ENCRYPTION_KEY ?? randomBytes(32).toString('base64'),
});

const MAX_BODY_BYTES = 16 * 1024;
const page = await readFile(new URL('index.html', import.meta.url));

/** Logged-in users by the token in their cookie. A real application has a session store and passwords. */
const sessions = new Map();

class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Rules of this application: every user may join the team; a user's own channel is for that user alone. */
function mayEnter(user, channel) {
  const team = ['private-team', 'presence-team', 'private-encrypted-team'];
  return team.includes(channel) || channel === `private-user-${user.id}`;
}

const text = (body) => {
  const value = String(body.text ?? '').trim();
  if (value === '' || value.length > 1000)
    throw new Refusal(422, 'A text of 1 to 1000 characters is needed.');
  return value;
};

// ---- requests without a login --------------------------------------------------------------------

const open = {
  'GET /settings': () => ({
    key: pusher.config.token.key,
    host: wavehall.host,
    port: Number(wavehall.port),
    useTLS: wavehall.useTLS,
  }),

  'POST /login': ({ body, response }) => {
    const name = String(body.name ?? '').trim();
    const id = name.toLowerCase().replace(/[^a-z0-9]+/g, '-');
    if (!/[a-z0-9]/.test(id) || name.length > 24)
      throw new Refusal(422, 'A name of 1 to 24 letters is needed.');
    const token = randomUUID();
    sessions.set(token, { id, name });
    response.setHeader('Set-Cookie', `session=${token}; HttpOnly; SameSite=Strict; Path=/`);
    return { id, name };
  },
};

// ---- requests of logged-in users -------------------------------------------------------------

const loggedIn = {
  /** pusher-js sends this request before it subscribes to a private or presence channel. */
  'POST /broadcasting/auth': ({ body, user }) => {
    const { socket_id: socketId, channel_name: channel } = body;
    if (!mayEnter(user, channel)) throw new Refusal(403, `${user.name} may not enter ${channel}.`);
    const member = { user_id: user.id, user_info: { name: user.name } };
    return pusher.authorizeChannel(socketId, channel, channel.startsWith('presence-') ? member : undefined);
  },

  /** pusher-js sends this request for `pusher.signin()`; signed-in users can be sent to and disconnected by their id. */
  'POST /user-auth': ({ body, user }) => {
    const userData = { id: user.id, user_info: { name: user.name } };
    return pusher.authenticateUser(body.socket_id, userData);
  },

  /** Sends a public event to all windows except the sender's, which shows its own copy. */
  'POST /news': async ({ body, user }) => {
    const except = body.socket_id ? { socket_id: body.socket_id } : {};
    await pusher.trigger('news', 'published', { text: text(body), by: user.name }, except);
  },

  /** Several events in one request; they arrive in this order. */
  'POST /digest': async ({ user }) => {
    await pusher.triggerBatch([
      { channel: 'news', name: 'published', data: { text: 'A digest is out', by: user.name } },
      { channel: `private-user-${user.id}`, name: 'digest', data: { text: `Your digest, ${user.name}` } },
    ]);
  },

  /** Encrypted here, decrypted in the browser. */
  'POST /secret': async ({ body, user }) => {
    await pusher.trigger('private-encrypted-team', 'secret', { text: text(body), by: user.name });
  },

  /** To every window of one signed-in user, whatever it is subscribed to. */
  'POST /message': async ({ body, user }) => {
    await pusher.sendToUser(String(body.to), 'message', { text: text(body), by: user.name });
  },

  /** Ends every connection of one user. */
  'POST /terminate': async ({ body }) => {
    await pusher.terminateUserConnections(String(body.user));
  },

  'GET /channels': () => ask('/channels', { info: 'subscription_count,user_count' }),
  'GET /people': () => ask('/channels/presence-team/users'),
};

const ask = async (path, params) => (await pusher.get({ path, params })).json();

// ---- HTTP --------------------------------------------------------------------------------------

async function readBody(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Refusal(413, 'That is too much.');
    chunks.push(chunk);
  }
  const given = Buffer.concat(chunks).toString();
  // pusher-js sends forms, the page sends JSON.
  const isForm = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded');
  if (isForm) return Object.fromEntries(new URLSearchParams(given));
  try {
    return Object(JSON.parse(given || '{}'));
  } catch {
    throw new Refusal(400, 'That is no JSON.');
  }
}

async function answer(request, response) {
  const route = `${request.method} ${request.url.split('?')[0]}`;
  const handler = open[route] ?? loggedIn[route];
  if (handler === undefined) throw new Refusal(404, 'There is nothing here.');
  const user = sessions.get(/(?:^|; )session=([^;]+)/.exec(request.headers.cookie ?? '')?.[1]);
  if (user === undefined && handler === loggedIn[route]) throw new Refusal(403, 'Log in first.');
  return handler({ user, response, body: await readBody(request) });
}

function explain(error) {
  if (error instanceof Refusal) return error;
  if (error instanceof Pusher.RequestError) {
    const reason = error.status ? `${error.status} ${error.body}` : error.error?.message;
    return { status: 502, message: `The WebSocket server refused or is away: ${reason}` };
  }
  // The library checks socket ids, channels and users before it signs anything.
  return { status: 422, message: error.message };
}

const server = createServer((request, response) => {
  if (request.method === 'GET' && request.url === '/') {
    response.setHeader('Content-Type', 'text/html; charset=utf-8').end(page);
    return;
  }
  const send = (status, value) => {
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
  };
  answer(request, response)
    .then((value) => send(200, value ?? {}))
    .catch((error) => {
      const { status, message } = explain(error);
      send(status, { message });
    });
});

server.listen(Number(env.PORT ?? 3000), env.HOST ?? 'localhost', () => {
  console.log(`Open http://localhost:${server.address().port} in two windows`);
});
